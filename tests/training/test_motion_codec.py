"""The recipe of the motion codec: what it weighs, that it learns, and what it leaves alone."""

from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from neo_core.data_types import InputError
from neo_core.neo2.anchor_warp import identity_kernel, shift_kernel
from neo_core.neo2.latent_space import CELL, FRAMES
from neo_core.neo2.loading import load_video_vae
from neo_core.neo2.motion_codec import MotionCodec
from neo_core.neo2.video_vae import VideoVAE, VideoVAEConfig
from neo_core.training import motion_codec
from neo_core.training.flow_matching import Plan, Run, train
from neo_core.training.motion_codec import (
    BENT,
    FILMS,
    LIPS_FROM,
    LIPS_SHARE,
    MIDDLES,
    NOISE,
    SHARES,
    SOFT,
    TOLD_SHARE,
    WIDE,
    Taught,
    comparison,
    error,
    from_latents,
    judge,
    opening_of,
    sized,
    step_loss,
    through_lenses,
)
from neo_core.training.neo2_clips import HANDS, MOUTH, NONE, Clip
from neo_core.training.video_crops import Crops
from neo_core.training.video_vae import from_codes
from neo_core.weights.safetensors_io import load_made

C, SIDE, N = 5, 8, 6
SEEN = torch.ones(C)
VAE = VideoVAEConfig(
    channels=C, encoder_width=6, encoder_depth=1, decoder_width=6, decoder_depth=1, anchor_depth=1, fine_width=4,
    motion_width=16, motion_depth=2,
)  # fmt: skip


def codec(seed: int = 0) -> MotionCodec:
    torch.manual_seed(seed)
    return MotionCodec(C, width=16, depth=2)


def film(opening: Tensor) -> SimpleNamespace:
    """Whose mouth is so far open in each frame."""
    return SimpleNamespace(mouth=lambda first, last: opening[first:last])


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
    return Clip(film(torch.rand(FRAMES * N, generator=dice)), codes, anchor, shows, torch.zeros(0, 3), 0, match)


def speaker(number: int) -> Clip:
    """A mouth that is brighter the wider it is open, on an anchor that is not otherwise moved."""
    one, dice = clip(number), torch.Generator().manual_seed(100 + number)
    opening = 2 * WIDE * torch.rand(N, generator=dice)
    codes = one.anchor + torch.zeros(N, 1, 1, 1)
    row, column = torch.randint(1, SIDE - 3, (2,), generator=dice).tolist()
    shows = torch.full((N, SIDE, SIDE), NONE, dtype=torch.uint8)
    shows[:, row : row + 2, column : column + 2] = MOUTH
    codes[:, 1, row : row + 2, column : column + 2] += 3 * opening[:, None, None] / WIDE
    return replace(one, latents=codes, shows=shows, film=film(opening.repeat_interleave(FRAMES)))


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
    latents[:, :, 1] = 0  # says nothing yet
    assert torch.isfinite(sized(net, latents)).all()


class Stand(torch.nn.Module):
    """In the place of a codec: latents of zeros, and an answer to them. It keeps what it is given."""

    def __init__(self, answer: Callable[[Tensor, Tensor], Tensor], flow: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(C))
        self.shift_kernel, self.shift_level = identity_kernel(C)
        self.answer, self.flow, self.given = answer, flow, []

    def difference(self, codes: Tensor, _: Tensor) -> Tensor:
        self.codes = codes
        return torch.zeros(*codes.shape[:3], SIDE // 2, SIDE // 2)

    encode = difference

    def decode(self, latents: Tensor, anchor: Tensor) -> tuple[Tensor, Tensor]:
        self.given.append(latents)
        made = self.answer(self.codes, anchor[:, None].expand_as(self.codes))
        return made, torch.full_like(made[:, :, :2], self.flow)


def truth(codes: Tensor, _: Tensor) -> Tensor:
    return codes


def taught(stand: Stand, opening: float = 1.0) -> SimpleNamespace:
    """Beside a map that reads the same off any latents."""
    return SimpleNamespace(codec=stand, opening=lambda latents, _: torch.full((*latents.shape[:2], FRAMES), opening))


def test_the_truth_has_no_loss():
    """Neither at first, when it is asked where things are as well, nor later, when mouths are read; of people whose
    mouths are open as wide as counts for one."""
    wide = film(torch.full((FRAMES * N,), WIDE))
    state, clips = SimpleNamespace(step=0, progress=0.0), [replace(clip(number), film=wide) for number in range(3)]
    for state.progress in (0.0, LIPS_FROM - 0.01, LIPS_FROM, 0.9):
        assert step_loss(taught(Stand(truth)), state, clips, SEEN, 0) == 0
        assert step_loss(taught(Stand(lambda _, anchor: anchor)), state, clips, SEEN, 0) > 0
        misread = step_loss(taught(Stand(truth), opening=1.5), state, clips, SEEN, 0)
        assert float(misread) == pytest.approx(LIPS_SHARE * 0.5**2 if state.progress >= LIPS_FROM else 0)


def test_most_films_of_a_batch_are_seen_through_a_lens_with_their_anchors():
    """Who does not move in a film does not move behind the lens either; labels go with what they name."""
    anchor = torch.randn(FILMS, C, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    still, shows = anchor[:, None].repeat(1, 2, 1, 1, 1), torch.zeros(FILMS, 2, SIDE, SIDE, dtype=torch.uint8)
    shows[:, :, 3:5, 3:5] = MOUTH
    net, dice = codec(), torch.Generator().manual_seed(1)
    film, beside, labels = through_lenses(net, still, anchor, shows, dice)
    torch.testing.assert_close(film, beside[:, None].expand_as(film))
    assert torch.equal(beside[BENT:], anchor[BENT:])
    assert torch.equal(labels[BENT:], shows[BENT:])
    for one in range(BENT):
        assert (beside[one] - anchor[one]).abs().max() > 0.1
        assert not torch.equal(labels[one], shows[one])
    again, *_ = through_lenses(net, still, anchor, shows, dice)
    assert not torch.equal(again, film), "ever new ones"


def test_openings_are_those_of_the_frames_of_each_moment():
    numbers = replace(clip(0), film=film(WIDE * torch.arange(FRAMES * N)))
    torch.testing.assert_close(opening_of(numbers), torch.arange(1.0 * FRAMES * N).view(N, FRAMES))


def test_mouths_are_read_off_latents_around_them(monkeypatch):
    """Of people who were not learned from, when that is all that counts; what lies elsewhere says nothing."""
    monkeypatch.setattr(motion_codec, "LIPS_FROM", 0.0)
    monkeypatch.setattr(motion_codec, "LIPS_SHARE", 1.0)
    state = Run(Taught(codec()), Plan(steps=100, rate=8e-3, warm_up=5))
    clips = [speaker(number) for number in range(8)]
    train(state, partial(step_loss, state=state, clips=clips, seen=SEEN, seed=0), str)
    net = state.net.eval()
    people, alike = [speaker(number) for number in range(20, 26)], []
    for one in people:
        with torch.no_grad():
            latents = net.codec.encode(one.latents[None], one.anchor[None])
            said = net.opening(latents, one.shows[None])[0]
        alike.append(float(torch.corrcoef(torch.stack((said.flatten(), opening_of(one).flatten())))[0, 1]))
    assert sum(alike) / len(alike) > 0.75
    far = torch.zeros(1, 1, 2 * SIDE, 2 * SIDE, dtype=torch.uint8)
    far[..., :2, :2] = MOUTH
    latents = torch.zeros(2, 1, C, SIDE, SIDE)
    latents[1, ..., 4:, :] = 1
    assert torch.equal(*net.opening(latents, far.expand(2, -1, -1, -1)))


def test_latents_are_read_under_noise_of_every_strength_up_to_half_their_size():
    state, net = SimpleNamespace(step=0, progress=1.0), Stand(truth)
    for state.step in range(40):
        step_loss(taught(net), state, [clip(0)], SEEN, 0)
    levels = torch.stack(net.given).flatten(3).std(3)  # [steps, B, T]
    assert levels.flatten(1).std(1).min() > 0.05, "each moment has its own"
    assert levels.max() == pytest.approx(NOISE, abs=0.1)
    assert levels.min() < 0.05
    assert levels.mean() == pytest.approx(NOISE / 2, abs=0.03)
    assert torch.stack(net.given).mean().abs() < 0.01


def test_whoever_tells_the_truth_is_not_wrong_and_who_shows_the_anchor_is_as_wrong_as_it():
    clips = [clip(number) for number in range(3)]
    assert judge(Stand(truth), clips, SEEN, 0.3) == {"all": 0, "mouth": 0, "hands": 0}
    assert judge(Stand(lambda _, anchor: anchor), clips, SEEN, 0.0) == pytest.approx({"all": 1, "mouth": 1, "hands": 1})
    half = Stand(lambda codes, anchor: (codes + anchor) / 2)
    assert judge(half, clips, SEEN, 0.0) == pytest.approx({"all": 0.25, "mouth": 0.25, "hands": 0.25})


def test_judging_goes_by_cells_by_channels_and_by_noise():
    one = clip(0)
    mouth = (one.shows == MOUTH)[None, :, None]
    figures = judge(Stand(lambda codes, anchor: torch.where(mouth, anchor, codes)), [one], SEEN, 0.0)
    assert figures["mouth"] == pytest.approx(1)
    assert figures["hands"] == 0
    assert 0 < figures["all"] < 1
    first = torch.zeros(C).index_fill(0, torch.tensor(0), 1.0)
    unseen = Stand(lambda codes, anchor: torch.where(first[:, None, None] > 0, codes, anchor))
    assert judge(unseen, [one], first, 0.0)["all"] == 0
    nobody = replace(one, shows=torch.zeros_like(one.shows))
    assert judge(Stand(truth), [nobody], SEEN, 0.0) == {"all": 0}
    for noise in (0.0, 0.4):
        net = Stand(truth)
        judge(net, [one], SEEN, noise)
        assert net.given[0].std().item() == pytest.approx(noise, abs=0.03)


def test_the_picture_shows_films_and_what_comes_back_of_them():
    """Of each: what was, what its latents say, and what they say with noise over them."""
    torch.manual_seed(1)
    vae, clips = VideoVAE(VAE).eval(), [clip(number) for number in range(2)]
    torch.nn.init.normal_(vae.motion.decoder.head[2].weight, std=0.1)
    sheet = comparison(vae, clips)
    side = CELL * SIDE
    assert sheet.shape == (2 * 3 * side, len(MIDDLES) * side, 3)
    true, back, noisy = sheet[:side], sheet[side : 2 * side], sheet[2 * side : 3 * side]
    with torch.no_grad():
        codes, anchor = clips[0].latents[None], clips[0].anchor[None]
        shown = vae.show(vae.motion.decode(vae.motion.encode(codes, anchor), anchor)[0], anchor)[0]
        for video, row in ((vae.show(codes, anchor)[0], true), (shown, back)):
            wanted = ((video[:, int(MIDDLES[1] * (4 * N - 1))] + 1) * 127.5).movedim(0, -1)
            assert (row[:, side : 2 * side] - wanted).abs().max() <= 1
    assert not torch.equal(true, back)
    assert not torch.equal(noisy, back)
    vae.motion.decode = lambda *_: (clips[0].latents[None], None)
    exact = comparison(vae, clips[:1])
    assert torch.equal(exact[:side], exact[side : 2 * side])


@torch.no_grad()
def test_pictures_come_back_through_both_halves():
    torch.manual_seed(1)
    vae = VideoVAE(VAE).eval()
    video, anchor = (
        torch.rand(1, 3, 4 * FRAMES, CELL * SIDE, CELL * SIDE) - 0.5,
        torch.rand(1, 3, CELL * SIDE, CELL * SIDE),
    )
    code = vae.encode_still(anchor)
    expected = vae.show(vae.motion.decode(vae.motion.encode(vae.codes(video), code), code)[0], code)
    made = from_latents(vae, Crops(video, anchor, mouth=None, hands=None))
    torch.testing.assert_close(made, expected)
    assert not torch.allclose(made, from_codes(vae, Crops(video, anchor, mouth=None, hands=None)), atol=1e-3)


def test_it_learns_what_wanders_and_bears_noise():
    clips = [clip(number) for number in range(8)]
    state = Run(Taught(codec()), Plan(steps=120, rate=8e-3, warm_up=5))
    before = judge(state.net.codec, clips, SEEN, 0.0)
    assert before == pytest.approx(dict.fromkeys(before, 1.0), abs=1e-3)  # a fresh one answers with the anchor
    train(state, partial(step_loss, state=state, clips=clips, seen=SEEN, seed=0), str)
    state.average.codec.scale.copy_(state.net.codec.scale)
    plain, noisy = (judge(state.average.codec, clips, SEEN, noise) for noise in (0.0, 0.3))
    assert plain["all"] < 0.5
    assert plain["all"] < noisy["all"] < 0.7


def test_a_run_goes_on_as_it_would_have(tmp_path, monkeypatch):
    clips = [clip(number) for number in range(3)]

    def begin(seed: int) -> Run:
        return Run(Taught(codec(seed)), Plan(steps=4, rate=1e-3, warm_up=1))

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
    state = Run(Taught(codec()), Plan(steps=10))

    def loss(told: Clip) -> Tensor:
        return step_loss(state.net, state, [told], SEEN, 0)

    with torch.no_grad():
        told = 2 * 0.5 * 1 / 2  # a pixel down and one right, squared below two
        assert float(loss(one) - loss(clip(0))) == pytest.approx(TOLD_SHARE * told, rel=1e-3)
        uncounted = replace(one, match=one.match * torch.tensor([1.0, 1, 0])[:, None, None])
        assert loss(uncounted) == loss(clip(0))
        state.step = 9
        assert loss(one) == loss(clip(0))


def test_the_recipe_changes_the_codec_alone(tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO")
    torch.manual_seed(1)
    vae = VideoVAE(VAE).half().float().eval()  # as from a file
    before = {name: value.clone() for name, value in vae.state_dict().items()}
    clips = [clip(number) for number in range(3)]
    for name, stand_in in {
        "load_video_vae": lambda *_: vae,
        "training_films": lambda _: [],
        "held_out_films": lambda _: list(range(24)),
        "load_codes": lambda *_: clips,
        "judge_pictures": lambda _, some, back: {f"{back.__name__} of {some}": 30.0},
        "with_matches": lambda clips, *_: clips,
    }.items():
        monkeypatch.setattr(motion_codec, name, stand_in)
    parser = ArgumentParser()
    motion_codec.add_arguments(parser)
    out, picture = tmp_path / "vae.safetensors", tmp_path / "seen.png"
    options = ["--films", "a", "--exam", "b", "--minutes", "0.005", "--out", str(out), "--picture", str(picture)]
    motion_codec.run(parser.parse_args(options))
    after = load_video_vae(out).state_dict()
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert changed >= {"motion.scale", "motion.decoder.head.2.weight", "motion.encoder.head.2.weight"}
    assert all(name.startswith("motion.") for name in changed)
    torch.testing.assert_close(after["motion.shift_kernel"], shift_kernel(vae)[0], atol=1e-3, rtol=1e-3)
    assert "train neo2-motion" in load_made(out)["recipe"]
    assert "--minutes 0.005 --rate 0.002 --versions 3 --seed 0" in load_made(out)["recipe"]
    assert picture.is_file()
    assert "pictures from latents, 6 films: from_latents of [0, 1, 2, 3, 4, 5] 30.00 dB" in caplog.text
    assert not out.with_suffix(".resume").exists()
    with pytest.raises(InputError, match="does not exist"):
        motion_codec.run(parser.parse_args([*options, "--resume"]))
