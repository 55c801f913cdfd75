import pytest
import torch

from neo_core.data_types import InputError
from neo_core.geometry import head_model
from neo_core.pictar.squares import frame_face
from neo_core.training.face_frames import BROWS, PLAIN, FrameStore, around, jitter, raise_brows, truth_in
from neo_core.weights import safetensors_io


@pytest.fixture(scope="module")
def store(frames_folder, head):
    return FrameStore([frames_folder], head.landmark_groups)


def test_people_for_validation_stay_apart(store):
    assert len(store.held_out(100)) == 3  # persons 0, 25 and 50 of 60
    assert store.refresh() == 57


def test_an_empty_folder_is_reported(tmp_path):
    with pytest.raises(InputError, match="no frames"):
        FrameStore([tmp_path], {})


def test_landmarks_stay_on_their_pixels_in_turned_and_mirrored_views(store, head):
    dice = torch.Generator().manual_seed(0)
    frames = store.draw(24, dice)
    upright = frame_face(frames.landmarks)
    squares = jitter(upright, dice, 0.02, 0.05, 20 * torch.randn(24, generator=dice))
    mirrored = torch.arange(24) % 2 == 0
    view = around(squares, mirrored, dice)
    truth = truth_in(view, frames, squares, mirrored, head.landmark_mirror)
    crops = view.see(frames.picture[:, :3], 96, "border")
    for point, dark in ((-1, True), (-2, True), (8, False)):  # irises are drawn dark, chins are not
        at = ((truth.landmarks[:, point] + 1) / 2 * 96).long().clamp(0, 95)
        value = crops[torch.arange(24), 0, at[:, 1], at[:, 0]]
        assert ((value < 0.35) == dark).float().mean() > 0.9


def test_mirrored_views_keep_left_on_the_left(store, head):
    dice = torch.Generator().manual_seed(0)
    frames = store.draw(8, dice)
    squares = frame_face(frames.landmarks)
    for coin in (True, False):
        mirrored = torch.full((8,), coin)
        truth = truth_in(around(squares, mirrored, dice), frames, squares, mirrored, head.landmark_mirror)
        assert (truth.landmarks[:, 36:42, 0].mean(1) < truth.landmarks[:, 42:48, 0].mean(1)).all()
        assert torch.allclose(truth.pose, torch.zeros(8, 3), atol=3)


def test_brows_rise_and_nothing_else_moves(head):
    points = head_model.landmarks(head, head.template)[None, :, :2] * torch.tensor([1.0, -1.0])
    moved = raise_brows(points, head.landmark_groups) - points
    rows = [[*middle, *(k for line in lines for k in head.landmark_groups[line])] for middle, *lines in BROWS]
    brows = sorted({k for row in rows for k in row})
    others = [k for k in range(points.shape[1]) if k not in brows]
    assert torch.equal(moved[:, others], torch.zeros_like(moved[:, others]))
    assert (moved[0, brows, 1] < -0.1).all()
    assert torch.allclose(moved[0, 17:22, 1], moved[0, 22:27, 1].flip(0), atol=0.05)


def test_whole_people_are_drawn_apart_from_plain_heads(frames_folder, tmp_path, head):
    tensors, _ = safetensors_io.load(frames_folder / "shard_00000.safetensors")
    tensors["image"] = torch.zeros_like(tensors["image"])  # plain heads are black here
    safetensors_io.save(tmp_path / "shard_00000.safetensors", tensors, {"source": PLAIN})
    store = FrameStore([frames_folder, tmp_path], head.landmark_groups)
    dice = torch.Generator().manual_seed(0)
    black = [
        (drawn.picture[:, :3].amax((1, 2, 3)) == 0) for drawn in (store.draw(64, dice), store.draw_people(64, dice))
    ]
    assert 10 < black[0].sum() < 54
    assert not black[1].any()
