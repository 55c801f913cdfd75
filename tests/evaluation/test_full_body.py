import math

import pytest
import torch

from neo_core.evaluation.full_body import (
    across_within,
    agreement,
    amplitude,
    change_by_place,
    correlation,
    hand_speed,
    look,
    motion,
    recognised,
    smoothed,
    stepping,
    swing_ratio,
    window_means,
)

FACE = torch.tensor([24.0, 8.0, 40.0, 28.0])
BOTH = torch.ones(50, 2, dtype=torch.bool)


def waving(pixels, frames=50, seconds=1.0):
    """Both hands go up and down by `pixels`."""
    phase = torch.arange(frames) / (25 * seconds) * 2 * math.pi
    hands = torch.zeros(frames, 2, 2)
    hands[..., 1] = pixels * phase.sin()[:, None]
    return hands + 30


def person(colour, frames=12, sway=0.0, seed=0):
    """A face and clothes of one colour each before a grey wall, with a little noise. u8 [T, 64, 64, 3]"""
    dice = torch.Generator().manual_seed(seed)
    video = torch.full((frames, 64, 64, 3), 128.0)
    video[:, 8:28, 24:40] = torch.tensor(colour, dtype=torch.float32)
    video[:, 28:, 12:52] = 255 - torch.tensor(colour, dtype=torch.float32)
    video = video + sway * torch.randn(frames, 1, 1, 1, generator=dice) + torch.randn(video.shape, generator=dice)
    return video.clamp(0, 255).to(torch.uint8)


def test_a_constant_agrees_with_nothing():
    assert correlation(torch.full((20,), 0.1), torch.rand(20)) == 0
    assert agreement([torch.zeros(20)], [torch.rand(20)]) == 0


def test_agreement_is_of_movement_not_of_whose_mouth_is_wide():
    dice = torch.Generator().manual_seed(0)
    truth = [torch.rand(40, generator=dice) + 3 * k for k in range(6)]
    wide = [torch.rand(40, generator=dice) + 3 * k for k in range(6)]
    assert correlation(torch.cat(wide), torch.cat(truth)) > 0.9
    assert abs(agreement(wide, truth)) < 0.2
    assert agreement([t / 2 for t in truth], truth) == pytest.approx(1)


def test_agreement_of_the_opposite_is_negative():
    truth = [torch.rand(40), torch.rand(40)]
    assert agreement([1 - t for t in truth], truth) == pytest.approx(-1)


def test_resting_hands_have_no_speed_and_no_amplitude():
    assert hand_speed(waving(0), BOTH).max() < 1e-3
    assert amplitude(waving(0), BOTH) < 1e-3


def test_a_swing_twice_as_large_is_twice_the_amplitude():
    assert amplitude(waving(8), BOTH) / amplitude(waving(4), BOTH) == pytest.approx(2, rel=0.01)
    assert hand_speed(waving(8), BOTH).mean() / hand_speed(waving(4), BOTH).mean() == pytest.approx(2, rel=0.01)


def test_a_hand_out_of_the_picture_does_not_count():
    hands, visible = waving(4), BOTH.clone()
    hands[:, 1] = 500 * torch.rand(50, 2)
    visible[:, 1] = False
    assert amplitude(hands, visible) == pytest.approx(amplitude(waving(4), BOTH), rel=0.01)
    assert hand_speed(hands, ~BOTH).max() == 0


def test_tremble_is_quieted_and_a_gesture_is_kept():
    dice = torch.Generator().manual_seed(0)
    tremble = torch.randn(200, 2, generator=dice)
    assert smoothed(tremble).std() < 0.5 * tremble.std()
    wave = waving(5)[:, 0]
    assert (smoothed(wave) - wave)[10:-10].abs().max() < 0.5


def test_windows_are_whole():
    assert window_means(torch.arange(7.0), 3).tolist() == [1, 4]


def test_two_people_are_farther_apart_than_two_films_of_one():
    red, blue = (200, 60, 60), (60, 60, 200)
    takes = [look(person(c, sway=3, seed=k), FACE, every=2) for k, c in enumerate((red, red, blue, blue))]
    across = [takes[0].distance(takes[2]), takes[1].distance(takes[3])]
    within = [takes[0].distance(takes[1]), takes[2].distance(takes[3])]
    assert across_within(across, within) > 3
    assert across_within(within, across) < 1, "people swapped between films must not pass"


def test_a_frozen_person_gains_nothing_below_the_films_own_spread():
    assert across_within([6.0], [0.0], floor=3.0) == 2
    assert across_within([6.0], [0.0]) == 0


def test_a_face_box_outside_the_picture_is_refused():
    with pytest.raises(ValueError, match="expected one inside"):
        look(person((0, 0, 0)), FACE + 100)


def test_a_frozen_video_does_not_move_and_noise_is_little_motion():
    still = person((200, 60, 60), frames=1).expand(12, -1, -1, -1)
    assert motion(still) == 0
    assert motion(person((200, 60, 60), sway=8)) > 5 * motion(person((200, 60, 60)))


def test_recognised_counts_who_is_nearest_to_the_own_reference():
    assert recognised([1.0, 5.0], [[2.0, 3.0], [4.0, 6.0]]) == 0.5


def test_two_hands_that_hardly_move_are_no_contrast():
    assert swing_ratio([6.0, 6.0], [3.0, 3.0], usual=4.0) == 2
    assert swing_ratio([0.2, 0.2], [0.1, 0.1], usual=4.0) < 0.5, "twice of nothing"
    assert swing_ratio([6.0, 6.0], [0.0, 0.0], usual=4.0) == 6, "at rest counts as a quarter of what is usual"
    assert swing_ratio([0.0], [0.0], usual=0.0) == 0


def test_changes_are_counted_by_their_place_in_a_latent():
    change = torch.tensor([9.0, 9.0, 9.0, 4.0, 1.0, 2.0, 3.0, 5.0, 1.0, 2.0, 3.0])  # into the frames 1, 2, .. 11
    assert change_by_place(change, 4).tolist() == [9, 2, 4, 6]


def test_a_video_that_steps_changes_between_latents_only():
    even = (torch.arange(16) * 5)[:, None, None, None].expand(-1, 4, 4, 3).to(torch.uint8)
    assert stepping(even, 4) == pytest.approx(0.25)
    assert stepping(even[::4].repeat_interleave(4, dim=0), 4) == pytest.approx(1)
    assert stepping(even[:1].expand(16, -1, -1, -1), 4) == 0
