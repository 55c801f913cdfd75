"""The recipe that moves frames within a latent: what it is given, what counts, what it says of borders."""

from argparse import ArgumentParser
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from neo_core.data_types import InputError
from neo_core.neo2.latent_space import FRAMES
from neo_core.neo2.loading import load_video_vae
from neo_core.neo2.video_vae import VideoVAE, VideoVAEConfig
from neo_core.training import frame_interpolation
from neo_core.training.flow_matching import Plan, Run, train
from neo_core.training.frame_interpolation import (
    LASTING,
    LENGTH,
    WINDOWS,
    border_shares,
    draw_batch,
    error,
    paint,
    step_loss,
)
from neo_core.training.neo2_clips import Clip
from neo_core.training.video_crops import pixels, whole
from neo_core.weights.safetensors_io import load_made

LATENTS, SIDE = 6, 32
VAE = VideoVAEConfig(
    encoder_width=6, encoder_depth=1, decoder_width=6, decoder_depth=1, anchor_depth=1, fine_width=4,
    motion_width=16, motion_depth=2, interpolation_width=8,
)  # fmt: skip


@dataclass(frozen=True)
class Wandering:
    """A film of a bright square, a hand, that goes right by a pixel per frame."""

    number: int
    size: int = SIDE
    frames: int = FRAMES * LATENTS

    def video(self, first: int = 0, last: int | None = None) -> Tensor:
        frames = torch.full((self.frames, SIDE, SIDE, 3), 20, dtype=torch.uint8)
        for k, frame in enumerate(frames):
            frame[8 + self.number : 16 + self.number, k : k + 8] = 230
        return frames[first:last]

    def anchor(self) -> Tensor:
        return self.video(0, 1)[0]

    def mouth_box(self, first: int, last: int) -> Tensor:
        return torch.tensor([20.0, 0, 28, 6]).expand(last - first, -1)

    def hand_boxes(self, first: int, last: int) -> Tensor:
        moments = torch.arange(first, last).float()
        box = torch.stack((moments, 8.0 + self.number + 0 * moments, moments + 8, 16.0 + self.number + 0 * moments), -1)
        return box[:, None].expand(-1, 2, -1)


@pytest.fixture
def vae():
    torch.manual_seed(0)
    return VideoVAE(VAE).half().float().eval()  # as from a file


@pytest.fixture
def clips(vae):
    def clip(number):
        film = Wandering(number)
        codes, anchor = (
            vae.codes(pixels(film.video())[None])[0],
            vae.encode_still(pixels(film.anchor()[None]).movedim(1, 0)),
        )
        return Clip(film, codes.half(), anchor[0].half(), torch.zeros(LATENTS, 8, 8), torch.zeros(0, 3))

    with torch.no_grad():
        return [clip(number) for number in range(3)]


def dice(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_film_is_painted_with_a_moment_more_at_either_end(vae, clips, monkeypatch):
    monkeypatch.setattr(frame_interpolation, "NOISE", 0.0)
    one = paint(vae, clips[1], dice())
    codes, anchor = clips[1].latents[None].float(), clips[1].anchor[None].float()
    found, flow = vae.motion.decode(vae.motion.encode(codes, anchor), anchor)
    torch.testing.assert_close(one.codes[1:-1], found[0].half())
    torch.testing.assert_close(one.flow[1:-1], flow[0].half())
    assert len(one.codes) == len(one.flow) == LATENTS + 2
    shown = ((vae.show(found, anchor)[0] + 1) * 127.5).round().to(torch.uint8)
    assert torch.equal(one.video[:, FRAMES:-FRAMES], shown)
    assert one.video.shape[1] == FRAMES * (LATENTS + 2)


def test_noise_is_on_some_films_and_lasts_in_part(vae, clips, monkeypatch):
    seen, decode = [], vae.motion.decode
    monkeypatch.setattr(vae.motion, "decode", lambda latents, anchor: seen.append(latents) or decode(latents, anchor))
    monkeypatch.setattr(vae.motion, "encode", lambda *_: torch.zeros(1, LATENTS, 16, 2, 2))
    for seed in range(24):
        paint(vae, clips[0], dice(seed))
    noise = [one[0].flatten(1) for one in seen if one.any()]  # [T, D]
    assert 0.3 < len(noise) / len(seen) < 0.9
    assert max(float(one.std()) for one in noise) < 0.55
    alike = [float(torch.corrcoef(one)[0, 1:].mean()) for one in noise]
    assert sum(alike) / len(alike) == pytest.approx(LASTING**2, abs=0.05)


def test_windows_and_their_truth_belong_together(vae, clips, monkeypatch):
    monkeypatch.setattr(frame_interpolation, "NOISE", 0.0)
    painted = [paint(vae, clip, dice()) for clip in clips]
    seen = set()
    for seed in range(8):
        batch = draw_batch(painted, dice(seed))
        codes, flow, anchor, video = batch.given
        assert codes.shape[:2] == flow.shape[:2] == (WINDOWS, LENGTH + 2)
        assert video.shape[2] == FRAMES * (LENGTH + 2)
        assert batch.truth.video.shape == (WINDOWS, 3, FRAMES * LENGTH, SIDE, SIDE)
        for k in range(WINDOWS):
            column = int((batch.truth.video[k, 0, 0] > 0).any(0).nonzero()[0])
            first = column // FRAMES  # of the latents of the film: the square goes a pixel per frame
            number = int((batch.truth.video[k, 0, 0] > 0).any(1).nonzero()[0]) - 8
            seen.add(first)
            torch.testing.assert_close(codes[k, 1:-1], painted[number].codes[1:-1][first : first + LENGTH].float())
            assert torch.equal(anchor[k], clips[number].anchor.float())
            shown = painted[number].video[:, FRAMES * (first + 1) :][:, : FRAMES * LENGTH] / 127.5 - 1
            torch.testing.assert_close(video[k, :, FRAMES:-FRAMES], shown)
    assert seen == set(range(LATENTS - LENGTH + 1)), "begin and end of films too"


def test_errors_of_frames_and_of_their_changes_count_most_at_hands():
    truth = whole(Wandering(0), 0, 8)
    assert error(truth.video, truth) == 0
    everywhere = error(truth.video + 0.1, truth)
    steps = truth.video + 0.1 * (torch.arange(8) % 2)[:, None, None]
    assert error(steps, truth) > everywhere, "what trembles is worse than what is too bright"
    for there in (truth.hands, truth.mouth):
        assert error(truth.video + 0.1 * there, truth) / there.float().mean() > 2 * everywhere


def test_films_that_step_change_at_borders_only(vae):
    films = [Wandering(number) for number in range(2)]
    even = border_shares(vae, films, lambda _, truth: truth.video)
    assert even["picture"] == pytest.approx(0.25, abs=0.01)
    assert even["hands"] == pytest.approx(0.25, abs=0.01)
    stepping = lambda _, truth: truth.video[:, :, ::FRAMES].repeat_interleave(FRAMES, dim=2)  # noqa: E731
    assert border_shares(vae, films, stepping)["picture"] == pytest.approx(1)


def test_the_network_learns(vae, clips):
    painted = [replace(paint(vae, clip, dice()), video=_stepping(clip.film)) for clip in clips]
    net = vae.interpolation
    state = Run(net, Plan(steps=30, rate=3e-3))
    first = float(step_loss(net, state, painted, 0).detach())
    train(state, lambda part: step_loss(part, state, painted, 0), lambda _: "")
    assert float(step_loss(net, Run(net, Plan(steps=1)), painted, 0).detach()) < 0.9 * first


def _stepping(film: Wandering) -> Tensor:
    """As it would be painted: the same picture four times. u8 [3, 4 n + 8, H, W]"""
    frames = film.video()[::FRAMES].repeat_interleave(FRAMES, dim=0).permute(3, 0, 1, 2)
    return torch.cat((frames[:, :FRAMES], frames, frames[:, -FRAMES:]), dim=1)


def test_the_recipe_changes_the_interpolation_alone(vae, clips, tmp_path, monkeypatch):
    before = {name: value.clone() for name, value in vae.state_dict().items()}
    for name, stand_in in {
        "load_video_vae": lambda *_: vae,
        "training_films": lambda _: [],
        "held_out_films": lambda _: [Wandering(k % 3) for k in range(24)],
        "load_codes": lambda *_: clips,
        "EXAM": 2,
    }.items():
        monkeypatch.setattr(frame_interpolation, name, stand_in)
    parser = ArgumentParser()
    frame_interpolation.add_arguments(parser)
    out = tmp_path / "vae.safetensors"
    options = ["--films", "a", "--exam", "b", "--minutes", "0.01", "--out", str(out)]
    frame_interpolation.run(parser.parse_args(options))
    after = load_video_vae(out).state_dict()
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert "interpolation.head.2.weight" in changed
    assert all(name.startswith("interpolation.") for name in changed)
    assert "train neo2-frames" in load_made(out)["recipe"]
    assert not out.with_suffix(".resume").exists()
    with pytest.raises(InputError, match="does not exist"):
        frame_interpolation.run(parser.parse_args([*options, "--resume"]))


def test_a_run_goes_on_where_it_was_put_down_beside_the_same_autoencoder(vae, clips, tmp_path, monkeypatch):
    seen = []

    def put_down(state, *_):
        seen.append(state.step)
        state.step += 2
        state.save(tmp_path / "vae.resume")
        raise KeyboardInterrupt

    for name, stand_in in {
        "load_video_vae": lambda *_: vae,
        "training_films": lambda _: [],
        "held_out_films": lambda _: [Wandering(0)],
        "load_codes": lambda *_: clips,
        "train": put_down,
    }.items():
        monkeypatch.setattr(frame_interpolation, name, stand_in)
    parser = ArgumentParser()
    frame_interpolation.add_arguments(parser)
    options = ["--films", "a", "--exam", "b", "--out", str(tmp_path / "vae.safetensors")]
    for more in ([], ["--resume"]):
        with pytest.raises(KeyboardInterrupt):
            frame_interpolation.run(parser.parse_args(options + more))
    assert seen == [0, 2]
    vae.linear_encoder.weight.data.add_(1)
    with pytest.raises(InputError, match="vae"):
        frame_interpolation.run(parser.parse_args([*options, "--resume"]))
