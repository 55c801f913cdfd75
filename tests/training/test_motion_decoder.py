"""The recipe of the decoder that draws: its critic tells true from false, the decoder heeds it, all else stays."""

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
    ALONE,
    ANSWERED,
    EARLIEST,
    FILMS,
    LATEST,
    LEFT,
    MOMENTS,
    Batch,
    Critic,
    Drawn,
    doubt,
    draw_batch,
    heed,
    liveliness,
    looked_at,
    pull,
    step_loss,
)
from neo_core.training.neo2_clips import HANDS, MOUTH, NONE, Clip
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


def drawn(seed: int = 0) -> Drawn:
    torch.manual_seed(seed)
    return Drawn(MotionCodec(C, width=16, depth=2), Critic(torch.ones(C)))


def batch(seed: int = 0) -> Batch:
    return draw_batch(drawn().codec, [clip(k) for k in range(3)], Answer(), torch.Generator().manual_seed(seed))


def test_a_batch_holds_what_belongs_together():
    one = batch()
    assert one.latents.shape == (FILMS, MOMENTS, C, SIDE // 4, SIDE // 4)
    assert one.codes.shape == (FILMS, MOMENTS, C, SIDE, SIDE)
    assert one.anchor.shape == (FILMS, C, SIDE, SIDE)
    assert one.places.shape == (FILMS * (MOMENTS - 1), 1, SIDE // 2, SIDE // 2)
    assert ((one.trust[:ANSWERED] >= 1 - LATEST) & (one.trust[:ANSWERED] <= 1 - EARLIEST)).all()
    assert (one.trust[ANSWERED:] == 1).all()
    again, other = batch(), batch(1)
    assert torch.equal(one.latents, again.latents)
    assert torch.equal(one.codes, again.codes)
    assert not torch.equal(one.codes, other.codes)


def test_the_last_film_is_as_it_is_and_its_latents_are_those_of_its_codes(monkeypatch):
    monkeypatch.setattr(motion_decoder, "NOISE", 0.0)
    one, codec = batch(), drawn().codec
    for k in range(ANSWERED, FILMS):
        found = codec.encode(one.codes[k : k + 1], one.anchor[k : k + 1])[0]
        torch.testing.assert_close(one.latents[k], found, atol=0.05, rtol=0.05)  # made in bfloat16
    known = [clip(k).anchor for k in range(3)]
    assert any(torch.equal(one.anchor[-1], anchor) for anchor in known), "seen through no lens"
    assert not any(torch.equal(one.anchor[0], anchor) for anchor in known)


def test_rooms_count_nothing_and_where_hands_were_counts_less():
    shows = torch.full((1, 2, 4, 8), NONE)
    shows[0, 1, 0, 0], shows[0, 0, 2, 2] = HANDS, MOUTH
    ever = torch.zeros(1, 4, 8, dtype=torch.bool)
    ever[0, 0, 0] = ever[0, 0, 7] = True
    assert looked_at(shows, ever)[0, 0].tolist() == [[1.0, 0.0, 0.0, LEFT], [0.0, 1.0, 0.0, 0.0]]


def test_the_critic_learns_to_tell_and_its_verdict_moves_only_the_decoder():
    net, one = drawn(), batch()
    with torch.no_grad():
        made, _ = net.codec.decode(one.latents, one.anchor)
    optimiser = torch.optim.Adam(net.critic.parameters(), 3e-3)
    before = doubt(net.critic, made, one).item()
    for _ in range(25):
        loss = doubt(net.critic, made, one)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert doubt(net.critic, made, one).item() < 0.8 * before
    optimiser.zero_grad()
    heard, _ = net.codec.decode(one.latents, one.anchor)
    heed(net.critic, heard, one).backward()
    assert all(p.grad is None or not p.grad.any() for p in net.critic.parameters())
    assert net.codec.decoder.head[2].weight.grad.any()
    assert all(p.requires_grad for p in net.critic.parameters()), "it goes on learning"
    assert heed(net.critic, one.codes, one) < heed(net.critic, made, one), "what is true is taken for true"


def test_codes_outside_the_places_are_not_pulled():
    net, one = drawn(), batch()
    empty = replace(one, places=torch.zeros_like(one.places))
    made = one.codes.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(heed(net.critic, made, empty), made)
    assert not gradient.any()


def test_the_pull_is_as_strong_as_the_error():
    made = torch.randn(5, requires_grad=True)
    wanted, liked = (made**2).sum(), 100 * made.sum()
    share = pull(wanted, liked, made)
    first, second = (torch.autograd.grad(x, made)[0].norm() for x in (wanted, share * liked))
    torch.testing.assert_close(first, second)


def test_the_decoder_alone_learns_and_heeds_after_a_while():
    clips, net = [clip(k) for k in range(3)], drawn()
    state = Run(net, Plan(steps=20, rate=1e-3))
    before = {name: value.clone() for name, value in net.state_dict().items()}

    def loss(part: nn.Module) -> Tensor:
        return step_loss(part, state, clips, Answer(), LIPS, 0)

    state.step = 19
    with torch.no_grad(), pytest.raises(RuntimeError):  # the pull asks for gradients
        loss(net)
    state.step = 0
    assert state.progress < ALONE
    with torch.no_grad():
        loss(net)
    train(state, loss, lambda _: "")
    changed = {name for name, value in net.state_dict().items() if not torch.equal(value, before[name])}
    assert all(name.startswith(("codec.decoder.", "critic.")) for name in changed)
    assert {"codec.decoder.head.2.weight", "critic.out.parametrizations.weight.original"} <= changed


def test_what_comes_back_whole_is_as_lively_as_what_was(monkeypatch):
    codec, clips = drawn().codec, [clip(0)]
    assert liveliness(codec, clips, torch.ones(C), HANDS) < 0.5, "a fresh decoder shows the anchor"
    monkeypatch.setattr(codec, "encode", lambda codes, _: codes)
    monkeypatch.setattr(codec, "decode", lambda codes, _: (codes, None))
    assert liveliness(codec, clips, torch.ones(C), HANDS) == pytest.approx(1)


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
