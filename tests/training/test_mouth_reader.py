"""The recipe of the reader: truth that moves with the pictures, and a network that learns to read it."""

from argparse import Namespace
from pathlib import Path

import pytest
import torch

from neo_core.evaluation.mouth_reader import MouthReader, MouthReaderConfig, load_mouth_reader
from neo_core.neo2.video_vae import VideoVAE, VideoVAEConfig
from neo_core.training.films import Film, load_films
from neo_core.training.fitting import Plan, fit
from neo_core.training.mouth_reader import (
    LENGTH,
    SHIFT,
    Piece,
    batch_loss,
    decoded,
    draw,
    frames_of,
    judge,
    run,
    shifted,
    spread,
    take,
)
from neo_core.weights.safetensors_io import load_made, save

FRAMES, SIDE = 16, 64
VAE = VideoVAEConfig(
    encoder_width=6, encoder_depth=1, decoder_width=6, decoder_depth=1, anchor_depth=1, fine_width=4,
    motion_width=8, motion_depth=2,
)  # fmt: skip


def write_film(folder: Path, number: int, held_out: bool = False) -> None:
    """A dark mouth on grey, as high as it is open, and two bright hands, one of which may be away."""
    dice = torch.Generator().manual_seed(number)
    opening = torch.rand(FRAMES, generator=dice)
    mouth = torch.randint(20, 40, (2,), generator=dice)  # x, y
    hands = torch.stack((torch.tensor([12.0, 52, 1]), torch.tensor([52.0, 52, number % 2])))
    video = torch.full((FRAMES, SIDE, SIDE, 3), 128, dtype=torch.uint8)
    x, y = mouth.tolist()
    for k, wide in enumerate((8 * opening).round().long().tolist()):
        video[k, y : y + wide + 1, x - 5 : x + 5] = 0
        for hx, hy, seen in hands.long().tolist():
            video[k, hy - 4 : hy + 4, hx - 4 : hx + 4] = 255 if seen else 128
    tensors = {
        "video": video,
        "anchor": video[0],
        "mouth": opening,
        "hands": hands.expand(FRAMES, -1, -1),
        "mouth_box": torch.tensor([x - 5.0, y - 4, x + 5, y + 4]).expand(FRAMES, -1),
    }
    config = {
        "frames": FRAMES, "size": SIDE, "prompt": "", "manner": "calm", "speaking": True, "person": number,
        "scene": str(number), "part": 0, "voice": "v", "held_out": held_out, "framing": "half body",
    }  # fmt: skip
    save(folder / f"scene_{number:05d}.safetensors", tensors, config)


@pytest.fixture
def films(tmp_path) -> list[Film]:
    for number in range(24):
        write_film(tmp_path, number)
    return load_films(tmp_path)


@pytest.fixture
def vae() -> VideoVAE:
    """One whose latents are seen: a fresh one shows the anchor whatever they are."""
    torch.manual_seed(0)
    vae = VideoVAE(VAE).eval()
    torch.nn.init.normal_(vae.motion.decoder.head[2].weight, std=0.3)
    return vae


def dice() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_the_truth_moves_with_the_picture():
    frames = torch.zeros(16, 3, SIDE, SIDE)
    frames[:, :, 30, 40] = 1
    place = torch.tensor([40.0, 30.0])
    batch = Piece(
        frames, torch.zeros(16), place.expand(16, 2), place.expand(16, 2, 2), torch.ones(16, 2, dtype=torch.bool)
    )
    moved = shifted(batch, dice())
    assert (moved.place - place).abs().max() <= SHIFT
    assert moved.place.std(0).min() > 1
    for picture, (x, y), hands in zip(moved.frames, moved.place.long().tolist(), moved.hands, strict=True):
        assert picture[0].nonzero().tolist() == [[y, x]]
        assert hands.long().tolist() == [[x, y]] * 2


def test_frames_and_truth_are_of_the_same_moment(films):
    piece = frames_of(films[3], 4, 8)
    assert torch.equal(piece.frames, films[3].video(4, 8).permute(0, 3, 1, 2).float() / 255)
    assert torch.equal(piece.mouth, films[3].mouth()[4:8])
    assert torch.equal(piece.place[0], films[3].mouth_box()[0, :2] + torch.tensor([5.0, 4.0]))
    assert piece.seen.tolist() == [[True, True]] * 4


def test_what_is_taken_are_frames_with_their_truth_and_half_went_through_the_autoencoder(films, vae):
    plain, through = (take(films, 6, net, dice()) for net in (None, vae))
    assert plain.frames.shape == (6 * LENGTH, 3, SIDE, SIDE)
    assert plain.frames.dtype == through.frames.dtype == torch.uint8
    for frame, opening, (x, y) in zip(plain.frames, plain.mouth, plain.place.long().tolist(), strict=True):
        dark = int((frame[0, y : y + 10, x] == 0).sum())
        assert dark == round(8 * float(opening)) + 1
    for mine, theirs in zip(plain[1:], through[1:], strict=True):
        assert torch.equal(mine, theirs)
    changed = (plain.frames != through.frames).flatten(1).any(1)
    assert changed.tolist() == [True] * 3 * LENGTH + [False] * 3 * LENGTH


def test_batches_keep_the_truth_whatever_is_done_to_the_pictures(films):
    """Where a hand is said to be, it is brighter than the picture is on the whole."""
    batch = draw(take(films, 6, None, dice()), 40, dice())
    assert batch.frames.shape == (40, 3, SIDE, SIDE)
    assert batch.frames.dtype == torch.float32
    assert batch.frames.max() <= 1
    grey = batch.frames.mean(1)
    for picture, hands, seen in zip(grey, batch.hands.round().long().tolist(), batch.seen, strict=True):
        for (x, y), there in zip(hands, seen.tolist(), strict=True):
            if there and 0 <= x < SIDE and 0 <= y < SIDE:
                assert picture[y, x] > picture.mean() + 0.15


def test_decoding_keeps_the_order_of_frames(films, vae):
    """The round trip of two films at once is that of each."""
    pieces = [frames_of(film, 0, 8).frames for film in films[:2]]
    both = decoded(vae, pieces, films[:2], 0.0, dice())
    for k in range(2):
        alone = decoded(vae, pieces[k : k + 1], films[k : k + 1], 0.0, dice())[0]
        assert both[k].shape == pieces[k].shape
        assert torch.allclose(both[k], alone, atol=1e-5)
        assert (alone[4:] - alone[:4]).abs().max() > 5e-3, "latents are seen: another order would be as well"


def test_a_short_training_learns_to_read(films):
    """Against the same network without training."""
    torch.manual_seed(0)
    reader = MouthReader(MouthReaderConfig(size=SIDE, width=8))
    before = judge(reader.eval(), films[:6])
    generator = dice()
    taken = take(films, 60, None, generator)
    trained = fit(reader, lambda net: batch_loss(net, taken, generator), Plan(0.1, 3e-3, warm_up=10), str)
    after = judge(trained, films[:6])
    assert after["hand error, pixels"] < before["hand error, pixels"] / 2
    assert after["mouth error"] < before["mouth error"]
    assert after["mouth correlation"] > 0.5


def test_the_file_says_how_well_it_reads(films, tmp_path):
    for number in (101, 102):
        write_film(tmp_path / "exam", number, held_out=True)

    folder, out = films[0].path.parent, tmp_path / "reader.safetensors"
    run(Namespace(films=[folder], exam=tmp_path / "exam", out=out, vae=None, minutes=0.001, seed=0))
    figures = load_made(out)["held_out_figures"]
    assert set(figures) >= {"mouth error", "hand error, pixels", "hands seen or not"}
    again = judge(load_mouth_reader(out), load_films(tmp_path / "exam"))
    assert again == pytest.approx(figures, rel=1e-3)


def test_spread_takes_from_all_over():
    assert spread(list(range(10)), 5) == [0, 2, 4, 6, 8]
    assert spread(list(range(3)), 5) == [0, 1, 2]
