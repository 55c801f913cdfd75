"""The recipe that trains the decoder of latents on: what it is given, what counts, and that all else stays."""

from argparse import ArgumentParser
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from neo_core.data_types import InputError
from neo_core.neo2.dit import Conditions
from neo_core.neo2.latent_space import FRAMES, HEARD
from neo_core.neo2.loading import load_video_vae
from neo_core.neo2.motion_codec import MotionCodec
from neo_core.neo2.video_vae import VideoVAE, VideoVAEConfig
from neo_core.training import motion_decoder
from neo_core.training.flow_matching import Plan, Run, train
from neo_core.training.motion_decoder import (
    ANSWERED,
    EARLIEST,
    FILMS,
    LATEST,
    LIPS_SHARE,
    MOMENTS,
    Batch,
    decoder_alone,
    draw_batch,
    liveliness,
    step_loss,
)
from neo_core.training.neo2_clips import HANDS, NONE, Clip
from neo_core.training.neo2_lips import Lips
from neo_core.weights.safetensors_io import load_made

C, SIDE, N = 16, 16, 8
VAE = VideoVAEConfig(
    encoder_width=6, encoder_depth=1, decoder_width=6, decoder_depth=1, anchor_depth=1, fine_width=4,
    motion_width=16, motion_depth=2,
)  # fmt: skip
LIPS = Lips(torch.zeros(C * 64, FRAMES), 1.0, 8)


def clip(number: int) -> Clip:
    """A bright square, a hand, that wanders over a dark anchor."""
    dice = torch.Generator().manual_seed(number)
    anchor = 0.1 * torch.randn(C, SIDE, SIDE, generator=dice)
    codes = anchor.expand(N, -1, -1, -1).clone()
    shows = torch.full((N, SIDE, SIDE), NONE, dtype=torch.uint8)
    for k, (row, column) in enumerate(torch.randint(0, SIDE - 4, (N, 2), generator=dice).tolist()):
        codes[k, :, row : row + 4, column : column + 4] += torch.randn(C, 4, 4, generator=dice)
        shows[k, row : row + 4, column : column + 4] = HANDS
    film = SimpleNamespace(heard=lambda first, last: torch.zeros(2, 2 * (last - first), 6), path="film")
    return Clip(film, codes, anchor, shows, torch.zeros(0, 3))


class Answer(nn.Module):
    """A DiT that says the noisy latents back."""

    def forward(self, x: Tensor, t: Tensor, conditions: Conditions) -> Tensor:
        assert conditions.audio.shape[2] == HEARD * x.shape[1]
        assert conditions.context.shape[1] == 0
        self.times = t
        return x


def codec(seed: int = 0) -> MotionCodec:
    torch.manual_seed(seed)
    return MotionCodec(C, width=16, depth=2)


def batch(seed: int = 0) -> Batch:
    return draw_batch(codec(), [clip(k) for k in range(3)], Answer(), torch.Generator().manual_seed(seed))


def test_a_batch_holds_what_belongs_together():
    one = batch()
    assert one.latents.shape == (FILMS, MOMENTS, C, SIDE // 4, SIDE // 4)
    assert one.codes.shape == (FILMS, MOMENTS, C, SIDE, SIDE)
    assert one.anchor.shape == (FILMS, C, SIDE, SIDE)
    assert ((one.trust[:ANSWERED] >= 1 - LATEST) & (one.trust[:ANSWERED] <= 1 - EARLIEST)).all()
    assert (one.trust[ANSWERED:] == 1).all()
    again, other = batch(), batch(1)
    assert torch.equal(one.latents, again.latents)
    assert torch.equal(one.codes, again.codes)
    assert not torch.equal(one.codes, other.codes)


def test_the_last_film_is_as_it_is_and_its_latents_are_those_of_its_codes(monkeypatch):
    monkeypatch.setattr(motion_decoder, "NOISE", 0.0)
    one, same = batch(), codec()
    for k in range(ANSWERED, FILMS):
        found = same.encode(one.codes[k : k + 1], one.anchor[k : k + 1])[0]
        torch.testing.assert_close(one.latents[k], found, atol=0.05, rtol=0.05)  # made in bfloat16
    known = [clip(k).anchor for k in range(3)]
    assert any(torch.equal(one.anchor[-1], anchor) for anchor in known), "seen through no lens"
    assert not any(torch.equal(one.anchor[0], anchor) for anchor in known)


def test_what_is_trusted_less_counts_less(monkeypatch):
    one, state = batch(), Run(codec(), Plan(steps=10))

    def loss(trust: Tensor) -> Tensor:
        monkeypatch.setattr(motion_decoder, "draw_batch", lambda *_: replace(one, trust=trust))
        with torch.no_grad():
            return step_loss(state.net, state, [], Answer(), LIPS, torch.ones(C), 0)

    each = [loss(FILMS * torch.eye(FILMS)[k]) for k in range(FILMS)]
    torch.testing.assert_close(loss(one.trust), (torch.stack(each) * one.trust).mean())
    assert loss(torch.zeros(FILMS)) == 0


def test_the_truth_has_no_loss_and_closed_mouths_one(monkeypatch):
    one = batch()
    lips = Lips(torch.ones(C * 64, FRAMES), 1.0, 8)
    state = Run(codec(), Plan(steps=10))
    monkeypatch.setattr(motion_decoder, "draw_batch", lambda *_: one)

    def loss(made: Tensor) -> Tensor:
        monkeypatch.setattr(state.net, "decode", lambda *_: (made, None))
        return step_loss(state.net, state, [], Answer(), lips, torch.ones(C), 0)

    assert loss(one.codes) == 0
    apart = 0.01 * torch.ones_like(one.codes)
    told = LIPS_SHARE * (0.01 * C * 64) ** 2 * one.trust.mean()
    assert loss(one.codes + apart) > told


def test_the_decoder_alone_learns():
    clips, net = [clip(k) for k in range(3)], decoder_alone(codec())
    state = Run(net, Plan(steps=12, rate=1e-3))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    losses = []

    def loss(part: MotionCodec) -> Tensor:
        losses.append(step_loss(part, state, clips, Answer(), LIPS, torch.ones(C), 0))
        return losses[-1]

    train(state, loss, lambda _: "")
    changed = {name for name, value in net.state_dict().items() if not torch.equal(value, before[name])}
    assert all(name.startswith("decoder.") for name in changed)
    assert "decoder.head.2.weight" in changed
    first, last = (
        step_loss(one, Run(net, Plan(steps=10)), clips, Answer(), LIPS, torch.ones(C), 0) for one in (codec(), net)
    )
    assert last < first


def test_what_comes_back_whole_is_as_lively_as_what_was(monkeypatch):
    net, clips = codec(), [clip(0)]
    assert liveliness(net, clips, torch.ones(C), HANDS) < 0.5, "a fresh decoder shows the anchor"
    monkeypatch.setattr(net, "encode", lambda codes, _: codes)
    monkeypatch.setattr(net, "decode", lambda codes, _: (codes, None))
    assert liveliness(net, clips, torch.ones(C), HANDS) == pytest.approx(1)


def test_the_recipe_changes_the_decoder_alone(tmp_path, monkeypatch):
    torch.manual_seed(1)
    vae = VideoVAE(VAE).half().float().eval()  # as from a file
    before = {name: value.clone() for name, value in vae.state_dict().items()}
    for name, stand_in in {
        "load_video_vae": lambda *_: vae,
        "load_dit": lambda *_: Answer(),
        "training_films": lambda _: [],
        "held_out_films": lambda _: list(range(24)),
        "load_codes": lambda *_: [clip(k) for k in range(3)],
        "fit_lips": lambda *_: LIPS,
        "judge_pictures": lambda *_: {},
    }.items():
        monkeypatch.setattr(motion_decoder, name, stand_in)
    parser = ArgumentParser()
    motion_decoder.add_arguments(parser)
    out = tmp_path / "vae.safetensors"
    options = ["--films", "a", "--exam", "b", "--minutes", "0.01", "--out", str(out)]
    motion_decoder.run(parser.parse_args(options))
    after = load_video_vae(out).state_dict()
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert "motion.decoder.head.2.weight" in changed
    assert all(name.startswith("motion.decoder.") for name in changed)
    assert "train neo2-decoder" in load_made(out)["recipe"]
    assert not out.with_suffix(".resume").exists()
    with pytest.raises(InputError, match="does not exist"):
        motion_decoder.run(parser.parse_args([*options, "--resume"]))
