"""The recipe of the mini on made-up pairs: it learns what the warp lacks, batches repeat, and a stopped run goes on."""

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from neo_core.data_types import InputError
from neo_core.evaluation.feature_distance import FeatureDistance
from neo_core.pictar.analysis import load_analyser
from neo_core.pictar.mini.guide import GUIDE, STILL_GUIDE
from neo_core.pictar.mini.network import MINI, Mini, MiniConfig, load_mini
from neo_core.training import volumetric
from neo_core.training.flow_matching import Plan, Run
from neo_core.training.portrait_pairs import files, read_lesson
from neo_core.weights import safetensors_io

SIDE, HALF, MOMENTS = 32, 16, 5
SHIFT = torch.tensor([2 / SIDE, 0.0])
TINY = MiniConfig(side=SIDE, width=8, features=4, groups=4)


def byte(*shape: int, dice: torch.Generator) -> torch.Tensor:
    return torch.randint(0, 256, shape, generator=dice, dtype=torch.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two people whose every moment is the photo, moved, with a red mouth that the photo has not."""
    return write_pairs(tmp_path_factory.mktemp("pairs"), 2)


def write_pairs(folder: Path, people: int, moments: int = MOMENTS, held_out: bool = False) -> Path:
    for number in range(people):
        dice = torch.Generator().manual_seed(number)
        coarse = torch.rand(1, 3, 6, 6, generator=dice)
        picture = (torch.nn.functional.interpolate(coarse, (SIDE, SIDE), mode="bilinear")[0] * 255).byte()
        surface = torch.zeros(moments, 2, SIDE, SIDE, dtype=torch.float16)
        surface[:, 0] = 2 / SIDE
        frame = picture.roll(-2, 2).repeat(moments, 1, 1, 1)
        frame[:, :, 18:24, 10:22] = torch.tensor([200, 20, 20], dtype=torch.uint8)[None, :, None, None]
        guide = torch.zeros(moments, GUIDE, HALF, HALF, dtype=torch.uint8)
        guide[:, [0, 2, -1]] = 255
        guide[:, 2, 9:12, 5:11], guide[:, -1, 9:12, 5:11], guide[:, 3, 9:12, 5:11] = 0, 0, 255
        maps = torch.full((moments, 3, HALF, HALF), 255, dtype=torch.uint8)
        maps[:, 1, 9:12, 5:11] = 0
        flow = torch.nn.functional.avg_pool2d(surface.float(), 2).half()
        tensors = {
            "picture": picture, "behind": picture, "person": torch.full((1, SIDE, SIDE), 255, dtype=torch.uint8),
            "still_guide": byte(STILL_GUIDE, HALF, HALF, dice=dice), "frame": frame, "surface": surface,
            "carried": torch.full((moments, 2, SIDE // 8, SIDE // 8), 0.0, dtype=torch.float16), "guide": guide,
            "true_flow": flow, "true_maps": maps,
            "landmarks": torch.full((moments, 68, 2), 0.25), "still_landmarks": torch.full((68, 2), 0.25) + SHIFT,
        }  # fmt: skip
        config = {"side": SIDE, "moments": moments, "seed": number, "held_out": held_out}
        safetensors_io.save(folder / f"person_{number:08d}.safetensors", tensors, config)
    return folder


def pairs(folder: Path) -> list[Path]:
    return files([folder], SIDE, volumetric.MOMENTS, held_out=False)


@pytest.fixture(scope="module")
def judge():
    return FeatureDistance(load_analyser())


def test_pairs_come_back_as_they_were_kept(folder):
    lesson = read_lesson(pairs(folder)[0], slice(1, 3))
    assert lesson.frame.shape == (2, 3, SIDE, SIDE)
    assert lesson.motion.guide.shape == (2, GUIDE, HALF, HALF)
    assert torch.allclose(lesson.motion.surface[:, 0], torch.tensor(2 / SIDE), atol=1e-3)
    assert lesson.seen.sum() == 2 * (HALF * HALF - 18)


def test_other_pairs_and_none_are_refused(folder, tmp_path):
    with pytest.raises(InputError, match="5 moments, 32 pixels a side; expected 4 or more, and 64"):
        files([folder], 64, 4, held_out=False)
    with pytest.raises(InputError, match="no person_"):
        files([tmp_path], SIDE, 4, held_out=False)
    few = write_pairs(tmp_path / "few", 1, moments=3)
    with pytest.raises(InputError, match="3 moments, 32 pixels a side; expected 4 or more, and 32"):
        files([folder, few], SIDE, 4, held_out=False)


def test_nobody_learns_from_held_out_people_nor_is_examined_on_others(folder, tmp_path):
    held = write_pairs(tmp_path / "held", 1, held_out=True)
    assert len(files([folder], SIDE, 4, held_out=False)) == 2
    assert len(files([held], SIDE, 4, held_out=True)) == 1
    with pytest.raises(InputError, match="person whom nobody may learn from; expected one made without --held-out"):
        files([folder, held], SIDE, 4, held_out=False)
    with pytest.raises(InputError, match="person whom others learn from; expected one made with --held-out"):
        files([held, folder], SIDE, 4, held_out=True)


def test_a_step_always_draws_the_same_batch(folder):
    paths = pairs(folder)
    first, again, other = (volumetric.draw_batch(paths, 2, 0, step) for step in (3, 3, 4))
    assert torch.equal(first.lesson.frame, again.lesson.frame)
    assert not torch.equal(first.lesson.frame, other.lesson.frame)
    assert first.lesson.frame.shape[0] == 2 * volumetric.MOMENTS


def test_pictures_of_a_person_are_restyled_alike(folder):
    lesson = read_lesson(pairs(folder)[0], slice(0, 2))
    same = replace(lesson, frame=lesson.source.picture.repeat(2, 1, 1, 1))
    changed, apart = [], []
    for seed in range(12):
        now = volumetric.restyled(same, torch.Generator().manual_seed(seed))
        changed.append(float((now.source.picture - same.source.picture).abs().mean()))
        apart.append(float((now.frame - now.source.picture).abs().mean()))
    assert sum(a < 0.06 for a in apart) >= 11
    assert sum(c > 2 * a for c, a in zip(changed, apart, strict=True)) >= 9


def test_mouth_and_eyes_count_most():
    guide = torch.zeros(1, GUIDE, HALF, HALF)
    guide[:, 3, 8:10, 8:10] = 1
    weight = volumetric.careful(guide)
    assert weight.mean() == pytest.approx(1, abs=1e-4)
    assert weight[0, 0, 17, 17] > 3 * weight[0, 0, 2, 2]


@torch.no_grad()
def test_the_factory_knows_what_is_wrong(folder, judge):
    """A right answer has no flow or picture error; a wrong flow is told in pixels."""
    paths = pairs(folder)
    lesson = read_lesson(paths[0], slice(0, 1))
    net = Mini(TINY)
    drawn = net(lesson.source, net.encoder(lesson.source), lesson.motion)
    right = volumetric.losses(drawn, lesson.source, lesson, judge)
    wrong = volumetric.losses(replace(drawn, surface=drawn.surface + 1 / SIDE), lesson.source, lesson, judge)
    assert right["flow"] < 0.02
    assert float(wrong["flow"] - right["flow"]) == pytest.approx((HALF * HALF - 18) / HALF**2, abs=0.05)
    assert wrong["colour"] > right["colour"]
    assert right["keypoints"] < 0.02
    assert float(wrong["keypoints"]) == pytest.approx(1, abs=0.03)
    known = {name: value for name, value in right.items() if name not in volumetric.WEIGHTS}
    assert not known


def test_a_few_steps_learn_a_mouth(folder, judge, monkeypatch):
    monkeypatch.setattr(volumetric, "restyled", lambda lesson, _: lesson)
    torch.manual_seed(0)
    state = Run(Mini(TINY), Plan(steps=20, rate=5e-3, warm_up=2, average=0.7))
    paths = pairs(folder)
    before = volumetric.examine(state.net, paths)["mouth and eyes, dB"]

    def loss(net):
        return volumetric.batch_loss(net, volumetric.draw_batch(paths, 1, 0, state.step), judge)

    volumetric.train(state, loss, lambda _: "")
    after = volumetric.examine(state.average, paths)["mouth and eyes, dB"]
    assert after > before + 0.5


def test_a_run_that_was_stopped_goes_on(folder, tmp_path, monkeypatch):
    """From the step that it had come to, to the weights that it would have come to without a stop."""
    monkeypatch.setitem(MINI, "cpu", TINY)
    monkeypatch.setitem(volumetric.PEOPLE, "cpu", 1)
    monkeypatch.setattr(volumetric, "Plan", partial(Plan, steps=3))
    monkeypatch.setattr(volumetric, "SAVE_EVERY", 0.0)
    held = write_pairs(tmp_path / "held", 1, held_out=True)
    parser, report, draw, drawn = argparse.ArgumentParser(), volumetric._report, volumetric.draw_batch, []
    volumetric.add_arguments(parser)
    monkeypatch.setattr(volumetric, "draw_batch", lambda *given: drawn.append(given[-1]) or draw(*given))

    def run(name: str, *more: str) -> Path:
        out = tmp_path / f"{name}.safetensors"
        asked = ["--pairs", str(folder), "--held-out", str(held), "--minutes", "9", "--out", str(out), *more]
        volumetric.run(parser.parse_args(asked))
        return out

    def stopped(state, **given):
        told = report(state, **given)
        if state.step == 2:
            raise KeyboardInterrupt
        return told

    with monkeypatch.context() as until:
        until.setattr(volumetric, "_report", stopped)
        with pytest.raises(KeyboardInterrupt):
            run("mini")
    assert safetensors_io.load_made(tmp_path / "mini.safetensors")["steps"] == 2
    drawn.clear()
    resumed = run("mini", "--resume")
    assert min(drawn) == 2
    made = safetensors_io.load_made(resumed)
    assert made["steps"] == 3
    assert made["held_out_figures"].keys() == {"head, dB", "mouth and eyes, dB", "flow, pixels"}
    whole, again = (load_mini(path).state_dict() for path in (run("whole"), resumed))
    assert all(torch.allclose(whole[name], again[name], atol=2e-3) for name in whole)
    with pytest.raises(InputError, match="does not exist"):
        run("mini", "--resume")
