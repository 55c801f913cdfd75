"""The recipe of the video autoencoder: where it begins, what it draws, what it minimises, how it judges."""

from argparse import ArgumentParser
from functools import partial

import pytest
import torch

from neo_core.data_types import InputError
from neo_core.media.image import read_photo
from neo_core.neo2.latent_space import CELL, FRAMES
from neo_core.neo2.loading import load_video_vae
from neo_core.neo2.video_vae import BLOCK, VideoVAE, VideoVAEConfig, fold, unfold
from neo_core.training import video_vae
from neo_core.training.films import load_films
from neo_core.training.flow_matching import Plan, Run, train
from neo_core.training.video_crops import draw_blocks, draw_crops, pixels, whole
from neo_core.weights.safetensors_io import load_made, save

FRAMES_OF_A_FILM, SIDE = 44, 64
TINY = VideoVAEConfig(
    encoder_width=8, encoder_depth=1, decoder_width=8, decoder_depth=1, anchor_depth=1, fine_width=4,
    motion_width=8, motion_depth=2,
)  # fmt: skip
MOUTH, LEFT, RIGHT = [30.0, 8, 40, 16], [4.0, 40, 20, 56], [0.0, 0, 0, 0]  # the right hand is not in the picture


def write_film(folder, number: int, held_out: bool = False) -> None:
    dice = torch.Generator().manual_seed(number)
    spots = torch.rand(1, 3, 6, 5, 5, generator=dice)
    video = torch.nn.functional.interpolate(spots, (FRAMES_OF_A_FILM, SIDE, SIDE), mode="trilinear")[0]
    video = (255 * video).to(torch.uint8).permute(1, 2, 3, 0)
    tensors = {
        "video": video,
        "anchor": video[3],
        "mouth_box": torch.tensor([MOUTH]).repeat(len(video), 1),
        "hand_boxes": torch.tensor([[LEFT, RIGHT]]).repeat(len(video), 1, 1),
    }
    facts = {"frames": len(video), "size": SIDE, "prompt": "", "manner": "calm", "speaking": True, "person": number}
    config = facts | {"scene": "a", "part": number, "voice": "v", "held_out": held_out, "framing": "half body"}
    save(folder / f"scene_{number:05d}.safetensors", tensors, config)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    for number in range(3):
        write_film(folder, number)
    return folder


@pytest.fixture(scope="module")
def exam(tmp_path_factory):
    """Others, who are held out."""
    folder = tmp_path_factory.mktemp("exam")
    for number in range(10, 12):
        write_film(folder, number, held_out=True)
    return folder


@pytest.fixture
def films(folder):
    return load_films(folder)


@pytest.fixture
def dice():
    return torch.Generator().manual_seed(0)


def test_linear_films_come_back_from_the_start(dice):
    vae = VideoVAE(TINY)
    directions = torch.randn(16, BLOCK, generator=dice)
    blocks = torch.randn(500, 16, generator=dice) @ directions * 0.02 + 0.1
    video_vae.begin_linear(vae, blocks)
    video = unfold(blocks[:24].T.reshape(1, BLOCK, 2, 3, 4), FRAMES, CELL)
    codes = vae.codes(video)
    torch.testing.assert_close(vae.show(codes, codes[:, 0]), video, atol=1e-4, rtol=0)
    assert codes.detach().square().mean().sqrt() == pytest.approx(1, abs=0.2)


def test_the_start_is_the_best_linear_code(films, dice):
    vae = VideoVAE(TINY)
    blocks = draw_blocks(films, 4000, dice)
    video_vae.begin_linear(vae, blocks)
    centred = blocks - blocks.mean(0)
    left_out = torch.linalg.svdvals(centred.double())[16:].square().sum() / blocks.numel()
    columns = blocks.T.reshape(1, BLOCK, 1, 50, -1)
    with torch.no_grad():
        latents = vae.compress(unfold(columns, FRAMES, CELL))
        back = fold(vae.paint(latents, vae.remember(latents[:, :, 0])), FRAMES, CELL)
    assert float((back - columns).square().mean()) == pytest.approx(float(left_out), rel=0.02)


def test_crops_are_pieces_of_films(films, dice):
    crops = draw_crops(films, 5, dice, length=8, side=16)
    assert crops.video.shape == (5, 3, 8, 16, 16)
    assert crops.anchor.shape == (5, 3, 16, 16)
    assert crops.mouth.shape == crops.hands.shape == (5, 1, 8, 16, 16)
    piece, places = crops.video[0], []
    for film in films:
        windows = pixels(film.video()).unfold(1, 8, 1).unfold(2, 16, 1).unfold(3, 16, 1)
        places.append((windows[:, :, :, :, 0, 0, 0] == piece[:, 0, 0, 0, None, None, None]).all(0).any())
    assert any(places)


def test_half_of_the_crops_look_at_mouths_and_hands(films, dice):
    crops = draw_crops(films, 60, dice, length=8, side=16)
    share = (crops.mouth | crops.hands).flatten(1).any(1).float().mean()
    assert share > 0.6  # of the others some meet them by chance


def test_boxes_become_masks(films):
    film = whole(films[0])
    assert int(film.mouth[0, 0, 0].sum()) == 10 * 8
    assert film.mouth[0, 0, 5, 8:16, 30:40].all()
    assert int(film.hands[0, 0, 0].sum()) == 16 * 16


def test_errors_count_more_where_it_matters(films):
    truth = whole(films[0])
    losses = []
    for rows, columns in ((slice(8, 16), slice(30, 40)), (slice(20, 28), slice(50, 60))):
        painted = truth.video.clone()
        painted[..., rows, columns] += 0.2
        losses.append(float(video_vae.reconstruction_error(painted, truth)))
    assert losses[0] > 2 * losses[1]
    assert video_vae.reconstruction_error(truth.video, truth) == 0


def test_only_large_latents_are_held_back():
    small = torch.full((1, 2, 3, 4, 4), 0.9)
    assert video_vae.excess(small) == 0
    assert video_vae.excess(small * torch.tensor([1.0, 2.0])[:, None, None, None]) == pytest.approx((1.8**2 - 1) / 2)


def test_statistics_normalise_the_films(films, dice):
    vae = VideoVAE(TINY).eval()
    video_vae.begin_linear(vae, draw_blocks(films, 500, dice) * 2 + 0.3)
    video_vae.take_statistics(vae, films)
    codes = torch.cat([vae.codes(whole(film).video)[0] for film in films])
    torch.testing.assert_close(codes.mean((0, 2, 3)), torch.zeros(16), atol=1e-3, rtol=0)
    torch.testing.assert_close(codes.std((0, 2, 3)), torch.ones(16), atol=1e-3, rtol=0)


def test_judging_counts_decibels_by_region(films):
    def off_in_the_mouth(_, truth):
        return truth.video + 0.2 * truth.mouth + 0.02

    figures = video_vae.judge(VideoVAE(TINY), films, off_in_the_mouth)
    assert figures["hands"] == pytest.approx(40, abs=0.01)
    assert figures["mouth"] == pytest.approx(10 * torch.log10(torch.tensor(4 / 0.22**2)).item(), abs=0.01)
    assert figures["mouth"] < figures["picture"] < figures["hands"]


def test_a_run_goes_on_as_it_would_have(films, tmp_path, monkeypatch):
    monkeypatch.setattr(video_vae, "BATCH", 1)

    def begin(seed: int) -> Run:
        torch.manual_seed(seed)
        return Run(VideoVAE(TINY), Plan(steps=4, rate=1e-3, warm_up=1))

    def go(state: Run) -> None:
        train(state, partial(video_vae.step_loss, state=state, films=films, seed=3), str)

    whole, part, rest = begin(0), begin(0), begin(1)
    go(whole)
    with monkeypatch.context() as patch:  # the plan is of four steps, put down after two
        patch.setattr(Run, "progress", property(lambda self: 1.0 if self.step >= 2 else self.step / 4))
        go(part)
    part.save(tmp_path / "vae.resume")
    rest.load(tmp_path / "vae.resume")
    go(rest)
    assert rest.step == 4
    for name, value in rest.net.state_dict().items():
        assert torch.equal(value, whole.net.state_dict()[name]), name


@pytest.fixture
def recipe(monkeypatch):
    """The recipe with a tiny network: takes options."""
    monkeypatch.setattr(video_vae, "VideoVAEConfig", lambda: TINY)
    monkeypatch.setattr(video_vae, "BATCH", 1)
    monkeypatch.setattr(video_vae, "BLOCKS", 2000)
    parser = ArgumentParser()
    video_vae.add_arguments(parser)
    return lambda **options: video_vae.run(
        parser.parse_args([word for name, value in options.items() for word in (f"--{name}", str(value))])
    )


def test_recipe_trains_saves_and_shows(recipe, folder, exam, tmp_path):
    out, picture = tmp_path / "vae.safetensors", tmp_path / "seen.png"
    recipe(films=folder, exam=exam, minutes=0.02, rate=2e-3, out=out, picture=picture)
    vae, fresh = load_video_vae(out), VideoVAE(TINY).eval()
    figures, before = (video_vae.judge(net, load_films(exam), video_vae.from_codes) for net in (vae, fresh))
    assert figures["picture"] > max(25, before["picture"] + 5)
    assert read_photo(picture).shape == (2 * 2 * SIDE, len(video_vae.MOMENTS) * SIDE, 3)
    assert not out.with_suffix(".resume").exists()
    command = load_made(out)["recipe"]
    assert "--minutes 0.02 --rate 0.002 --seed 0" in command


def test_recipe_refuses_to_judge_by_what_it_learned_from(recipe, folder, exam, tmp_path):
    out = tmp_path / "vae.safetensors"
    with pytest.raises(InputError, match="held-out person"):
        recipe(films=folder, exam=folder, minutes=0.001, out=out)
    with pytest.raises(InputError, match="expected some to learn from"):
        recipe(films=exam, exam=exam, minutes=0.001, out=out)
    assert not out.exists()
