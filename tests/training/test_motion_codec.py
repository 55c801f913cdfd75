"""The recipe of the motion codec: what it weighs, that it learns, and what it leaves alone."""

from argparse import ArgumentParser
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from neo_core.data_types import InputError
from neo_core.neo2.loading import load_video_vae
from neo_core.neo2.motion_codec import MotionCodec
from neo_core.neo2.video_vae import VideoVAE, VideoVAEConfig
from neo_core.training import motion_codec
from neo_core.training.flow_matching import Plan, Run, train
from neo_core.training.motion_codec import SHARES, SOFT, TOLD_SHARE, error, judge, sized, step_loss
from neo_core.training.neo2_clips import HANDS, MOUTH, NONE, Clip
from neo_core.weights.safetensors_io import load_made

C, SIDE, N = 5, 8, 6
SEEN = torch.ones(C)
VAE = VideoVAEConfig(
    channels=C, encoder_width=6, encoder_depth=1, decoder_width=6, decoder_depth=1, anchor_depth=1, fine_width=4,
    motion_width=12, motion_fine=8, motion_depth=1,
)  # fmt: skip


def codec() -> MotionCodec:
    torch.manual_seed(0)
    return MotionCodec(C, width=12, fine=8, depth=1)


def clip(number: int) -> Clip:
    """A bright square that wanders over a dark anchor."""
    dice = torch.Generator().manual_seed(number)
    anchor = 0.1 * torch.randn(C, SIDE, SIDE, generator=dice)
    codes = anchor.expand(N, -1, -1, -1).clone()
    shows = torch.full((N, SIDE, SIDE), NONE, dtype=torch.uint8)
    for k, (row, column) in enumerate(torch.randint(0, SIDE - 2, (N, 2), generator=dice).tolist()):
        codes[k, :, row : row + 3, column : column + 3] += 1.5
        shows[k, row, column], shows[k, row + 1, column] = MOUTH, HANDS
    match = torch.zeros(N, 3, SIDE, SIDE)
    return Clip(SimpleNamespace(), codes, anchor, shows, torch.zeros(0, 3), 0, match)


def test_cells_and_channels_count_as_they_should():
    codes, shows = torch.zeros(1, 1, 2, 4, 4), torch.full((1, 1, 4, 4), NONE, dtype=torch.uint8)
    shows[..., 0, 0], shows[..., 0, 1] = MOUTH, HANDS
    whole = 2 * (14 * SHARES[NONE] + SHARES[MOUTH] + SHARES[HANDS])
    seen = torch.tensor([4.0, 1.0])
    for (row, column), kind in (((0, 0), MOUTH), ((0, 1), HANDS), ((2, 2), NONE)):
        for channel in (0, 1):
            made = codes.clone()
            made[0, 0, channel, row, column] = 1
            expected = SHARES[kind] * float(seen[channel]) ** 0.5 * (1 - SOFT / 2) / whole
            assert float(error(made, codes, shows, seen)) == pytest.approx(expected)
    assert error(codes, codes, shows, seen) == 0


def test_latents_of_a_batch_have_unit_size_and_the_scale_follows():
    net = codec()
    sizes = torch.linspace(0.5, 3, C)
    latents = sizes[:, None, None] * torch.randn(4, 3, C, 4, 4, generator=torch.Generator().manual_seed(0))
    for _ in range(600):
        made = sized(net, latents)
    torch.testing.assert_close(made.square().mean((0, 1, 3, 4)), torch.ones(C))
    torch.testing.assert_close(net.scale, latents.square().mean((0, 1, 3, 4)).sqrt(), rtol=0.02, atol=0)


def test_it_learns_what_wanders_and_bears_noise():
    clips = [clip(number) for number in range(8)]
    state = Run(codec(), Plan(steps=60, rate=8e-3, warm_up=5))
    before = judge(state.net, clips, SEEN, 0.0)
    assert before == pytest.approx(dict.fromkeys(before, 1.0), abs=1e-3)  # a fresh one answers with the anchor
    train(state, partial(step_loss, state=state, clips=clips, seen=SEEN, seed=0), str)
    state.average.scale.copy_(state.net.scale)
    plain, noisy = (judge(state.average, clips, SEEN, noise) for noise in (0.0, 0.3))
    assert plain["all"] < 0.5
    assert plain["all"] < noisy["all"] < 0.7


def test_a_run_goes_on_as_it_would_have(tmp_path, monkeypatch):
    clips = [clip(number) for number in range(3)]

    def begin(seed: int) -> Run:
        torch.manual_seed(seed)
        return Run(MotionCodec(C, width=12, fine=8, depth=1), Plan(steps=4, rate=1e-3, warm_up=1))

    def go(state: Run) -> None:
        train(state, partial(step_loss, state=state, clips=clips, seen=SEEN, seed=3), str)

    whole, part, rest = begin(0), begin(0), begin(1)
    go(whole)
    with monkeypatch.context() as patch:  # the plan is of four steps, put down after two
        patch.setattr(Run, "progress", property(lambda self: 1.0 if self.step >= 2 else self.step / 4))
        go(part)
    part.save(tmp_path / "motion.resume")
    rest.load(tmp_path / "motion.resume")
    go(rest)
    for name, value in rest.net.state_dict().items():
        assert torch.equal(value, whole.net.state_dict()[name]), name


def test_matches_are_told_at_first_only():
    one = replace(clip(0), match=torch.ones(N, 3, SIDE, SIDE))
    state = Run(codec(), Plan(steps=10))

    def loss(told: Clip) -> Tensor:
        return step_loss(state.net, state, [told], SEEN, 0)

    with torch.no_grad():
        told = 2 * 0.5 * 1 / 2  # a pixel down and one right, squared below two
        assert float(loss(one) - loss(clip(0))) == pytest.approx(TOLD_SHARE * told, rel=1e-3)
        state.step = 9
        assert loss(one) == loss(clip(0))


def test_the_recipe_changes_the_codec_alone(tmp_path, monkeypatch):
    torch.manual_seed(1)
    vae = VideoVAE(VAE).eval()
    before = {name: value.clone() for name, value in vae.state_dict().items()}
    clips = [clip(number) for number in range(3)]
    for name, stand_in in {
        "load_video_vae": lambda *_: vae,
        "training_films": lambda _: [],
        "held_out_films": lambda _: [],
        "load_codes": lambda *_: clips,
        "with_matches": lambda clips, *_: clips,
    }.items():
        monkeypatch.setattr(motion_codec, name, stand_in)
    parser = ArgumentParser()
    motion_codec.add_arguments(parser)
    out, picture = tmp_path / "vae.safetensors", tmp_path / "seen.png"
    options = ["--films", "a", "--exam", "b", "--minutes", "0.005", "--out", str(out), "--picture", str(picture)]
    motion_codec.run(parser.parse_args(options))
    after = load_video_vae(out).state_dict()
    changed = {name for name, value in before.items() if not torch.allclose(value, after[name], atol=2e-3, rtol=2e-3)}
    assert changed
    assert all(name.startswith("motion.") for name in changed)
    assert "train neo2-motion" in load_made(out)["recipe"]
    assert "--minutes 0.005 --rate 0.002 --versions 3 --seed 0" in load_made(out)["recipe"]
    assert picture.is_file()
    assert not out.with_suffix(".resume").exists()
    with pytest.raises(InputError, match="does not exist"):
        motion_codec.run(parser.parse_args([*options, "--resume"]))
