import pytest
import torch

from neo_core.data_types import InputError
from neo_core.evaluation.mouth_reader import (
    CELL,
    MouthReader,
    MouthReaderConfig,
    around,
    load_mouth_reader,
    read,
    save_mouth_reader,
    soft_argmax,
)
from neo_core.weights import safetensors_io

TINY = MouthReaderConfig(size=32, width=8, crop=8)


@pytest.fixture
def reader():
    torch.manual_seed(0)
    return MouthReader(TINY).eval()


def test_a_hot_cell_is_found_in_pixels():
    heat = torch.full((1, 1, 8, 8), -50.0)
    heat[0, 0, 2, 5] = 50
    assert soft_argmax(heat)[0, 0].tolist() == pytest.approx([5.5 * CELL, 2.5 * CELL])


def test_a_crop_around_the_middle_is_that_part_of_the_picture():
    frame = torch.rand(1, 3, 32, 32)
    crop = around(frame, torch.tensor([[16.0, 12.0]]), crop=8, zoom=1)
    assert torch.allclose(crop, frame[:, :, 8:16, 12:20], atol=1e-5)


def test_a_video_is_read_frame_by_frame(reader):
    video = torch.randint(0, 256, (70, 32, 32, 3), dtype=torch.uint8)
    whole, alone = read(reader, video), read(reader, video[66:67])
    assert whole.mouth.shape == (70,)
    assert whole.hands.shape == (70, 2, 2)
    assert torch.allclose(whole.place[66], alone.place[0], atol=1e-4)
    assert ((whole.mouth >= 0) & (whole.mouth <= 1)).all()


def test_it_learns_how_much_of_the_mouth_is_dark(reader):
    """The loss of every output reaches the weights: a patch's darkness is read after some steps."""
    dice = torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(reader.train().parameters(), 3e-3)
    for _ in range(60):
        opening = torch.rand(32, generator=dice)
        frames = torch.full((32, 3, 32, 32), 0.7)
        frames[:, :, 14:20, 14:20] = 0.7 * (1 - opening)[:, None, None, None]
        said = reader(frames)
        loss = (said.mouth - opening).square().mean() + (said.place / 32 - 17 / 32).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert torch.corrcoef(torch.stack((said.mouth.detach(), opening)))[0, 1] > 0.9


def test_saved_and_loaded_it_reads_the_same_and_tells_its_figures(reader, tmp_path):
    file = tmp_path / "reader.safetensors"
    save_mouth_reader(file, reader, {"held_out_figures": {"error": 0.1}})
    video = torch.randint(0, 256, (3, 32, 32, 3), dtype=torch.uint8)
    assert torch.equal(read(load_mouth_reader(file), video).mouth, read(reader, video).mouth)
    assert safetensors_io.load_made(file)["held_out_figures"] == {"error": 0.1}


def test_other_weights_are_refused(tmp_path):
    file = tmp_path / "other.safetensors"
    safetensors_io.save(file, {"a": torch.zeros(1)}, {"depth": 3})
    with pytest.raises(InputError, match="other weights"):
        load_mouth_reader(file)
