"""Chunks denoised in parallel become one video: whole, repeatable, in bounded memory, by what a window may know."""

import gc
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from neo_core.neo2.chunk_executor import InProcess, Window
from neo_core.neo2.continuum_sync import continuum
from neo_core.neo2.dit import Conditions
from neo_core.neo2.latent_space import COARSE
from neo_core.neo2.sampler import Sampling, noise_field, sample_chunk
from neo_core.neo2.window_layout import CONTEXT, FUSIONS, TRAINED, Sync, groups

SHAPE = (2, 8, 8)
ANCHOR = torch.randn(2, 8 * COARSE, 8 * COARSE, generator=torch.Generator().manual_seed(5))
WORDS = torch.ones(3, 4, dtype=torch.int64)
SAMPLING = Sampling(steps=3, seed=7)


def sound(first: int, last: int) -> torch.Tensor:
    """Numbered feature frames: [1, 8 (last - first), 1], the latent's number in all of them."""
    return torch.arange(first, last).repeat_interleave(8).float()[None, :, None]


def number(conditions: Conditions) -> torch.Tensor:
    """The latents' numbers as the sound tells them. [B, T]"""
    return conditions.audio[:, 0, ::8, 0]


def video(numbers: torch.Tensor) -> torch.Tensor:
    """The true latents: each has its own values. [...] -> [..., C, h, w]"""
    return torch.sin(numbers[..., None, None, None] + torch.arange(128.0).view(SHAPE))


def truth(_x, _t, conditions):
    return video(number(conditions))


def linear(x, t, conditions):
    """Depends on every input: noise, time, sound, anchor, context."""
    told = (conditions.context * conditions.contextual[:, None, None, None, None]).sum(1, keepdim=True)
    near = torch.nn.functional.pad(x, (0, 0, 0, 0, 0, 0, 1, 1)).unfold(1, 3, 1).mean(-1)
    time, shown = t[:, None, None, None, None], conditions.anchor[:, None, :, ::COARSE, 1::COARSE]
    return 0.3 * near + 0.1 * told + 0.2 * shown + (1 - time) * video(number(conditions))


class Spy:
    """An executor that keeps what the windows were told, step by step."""

    def __init__(self) -> None:
        self.steps: list[list[Window]] = []

    def predict(self, dit_predict, windows, sampling):
        self.steps.append(windows)
        return InProcess().predict(dit_predict, windows, sampling)

    def places(self, step: int) -> list[tuple[int, int]]:
        numbers = [number(window.conditions)[0] for window in self.steps[step]]
        return [(int(n[0]), int(n[-1]) + 1) for n in numbers]


def run(predict, total: int, sync: Sync, sampling: Sampling = SAMPLING, **options) -> torch.Tensor:
    return torch.cat(list(continuum(predict, ANCHOR, sound, WORDS, total, sync, sampling, **options)))


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize(("phase", "shared_noise", "context"), [(True, True, True), (False, False, False)])
def test_who_knows_the_truth_gets_it(fusion, phase, shared_noise, context):
    sync = Sync(fusion=fusion, phase=phase, shared_noise=shared_noise, context=context, group=3)
    found = run(truth, 47, sync)
    torch.testing.assert_close(found, video(torch.arange(47.0)), atol=5e-3 if fusion == "flow" else 1e-5, rtol=0)


@pytest.mark.parametrize("total", [1, 5, 7, 10, 11, 13, 22, 28, 29, 53, 61])
@pytest.mark.parametrize("chunk", [7, 10])
@pytest.mark.parametrize("group", [1, 4])
def test_pieces_add_up_to_what_was_asked(total, chunk, group):
    sync = Sync(chunk=chunk, fusion="linear", group=group)
    pieces = list(continuum(linear, ANCHOR, sound, WORDS, total, sync, SAMPLING))
    assert sum(len(piece) for piece in pieces) == total
    assert len(pieces) == len(groups(total, sync))
    assert all(torch.isfinite(piece).all() for piece in pieces)


@pytest.mark.parametrize("total", [4, 10])
@pytest.mark.parametrize("sampling", [SAMPLING, replace(SAMPLING, start=0.8, audio=2.0)])
def test_one_chunk_is_what_the_sampler_makes_of_it(total, sampling):
    yes, no = torch.ones(1, dtype=torch.bool), torch.zeros(1, dtype=torch.bool)
    none = torch.zeros(1, 0, *SHAPE)
    length = max(total, TRAINED[0])
    conditions = Conditions(
        ANCHOR[None], sound(0, length)[None], WORDS[None], none, none[:, :, 0, 0, 0], yes, yes, no, yes
    )
    alone = sample_chunk(linear, conditions, noise_field(sampling.seed, 0, length, SHAPE)[None], sampling)[0]
    assert torch.equal(run(linear, total, Sync(), sampling), alone[:total])


@pytest.mark.parametrize("total", [1, 5, 6, 11, 13, 28, 61])
def test_no_window_is_shorter_than_any_of_the_training(total):
    spy = Spy()
    assert len(run(linear, total, Sync(), executor=spy)) == total
    lengths = {window.x.shape[1] for step in spy.steps for window in step}
    assert min(lengths) >= TRAINED[0]
    assert max(lengths) <= TRAINED[1]


def test_a_seed_repeats_and_another_one_does_not():
    for shared in (True, False):
        sync = Sync(shared_noise=shared)
        assert torch.equal(run(linear, 40, sync), run(linear, 40, sync))
        assert not torch.allclose(run(linear, 40, sync), run(linear, 40, sync, Sampling(seed=8)))


def test_the_batch_changes_nothing():
    for sync in (Sync(), Sync(fusion="pyramid", shared_noise=False)):
        one, many = (run(linear, 40, sync, executor=InProcess(batch)) for batch in (1, 8))
        torch.testing.assert_close(one, many, atol=1e-5, rtol=0)


def test_windows_look_at_one_noise_field_or_at_their_own():
    starts = {}
    for shared in (True, False):
        spy = Spy()
        run(linear, 22, Sync(shared_noise=shared, phase=False), executor=spy)
        starts[shared] = [window.x[0] for window in spy.steps[0]]
    assert torch.equal(starts[True][0][6:], starts[True][1][:4])
    assert torch.equal(starts[True][0], noise_field(SAMPLING.seed, 0, 10, SHAPE))
    mine, other = starts[False][0][6:].flatten(), starts[False][1][:4].flatten()
    assert abs(torch.corrcoef(torch.stack([mine, other]))[0, 1]) < 0.15


def test_seams_move_between_steps():
    spy = Spy()
    run(linear, 40, Sync(), executor=spy)
    seams = [{after[0] for _, after in pairwise(spy.places(step))} for step in range(3)]
    assert not seams[0] & seams[1]
    assert not seams[1] & seams[2]
    still = Spy()
    run(linear, 40, Sync(phase=False), executor=still)
    assert still.places(0) == still.places(1) == still.places(2)


@pytest.mark.parametrize("phase", [True, False])
def test_sound_is_that_of_the_window(phase):
    spy = Spy()
    run(linear, 75, Sync(phase=phase), executor=spy)
    for step in range(len(spy.steps)):
        for window in spy.steps[step]:
            numbers = number(window.conditions)[0]
            assert len(numbers) == window.x.shape[1]
            assert window.conditions.audio.shape[2] == 8 * len(numbers)
            assert (numbers.diff() == 1).all()


def test_sound_is_asked_in_order_once_for_each_group():
    asked = []

    def noted(first, last):
        asked.append((first, last))
        return sound(first, last)

    list(continuum(truth, ANCHOR, noted, WORDS, 75, Sync(), SAMPLING))
    assert asked == [(group.first, group.last) for group in groups(75, Sync())]
    assert asked == sorted(asked)


def test_lagged_context_is_what_the_step_before_said_of_the_neighbour():
    spy = Spy()
    sync = Sync(phase=False, fusion="cut", group=8)  # the last two of a chunk's first six are its own word
    run(linear, 40, sync, executor=spy)
    first, second, third = spy.steps[:3]
    assert not any(window.conditions.contextual for window in first)
    assert not second[0].conditions.contextual
    for before, step in ((first, second), (second, third)):
        for left, right in pairwise(range(len(step))):
            (said,) = InProcess().predict(linear, [before[left]], SAMPLING)
            start = spy.places(1)[right][0] - spy.places(1)[left][0]
            told = step[right].conditions
            assert told.contextual
            torch.testing.assert_close(told.context[0], said[start - CONTEXT : start])
            assert told.context_time.tolist() == [[-2, -1]]


def test_without_context_nobody_is_told():
    spy = Spy()
    run(linear, 60, Sync(context=False), executor=spy)
    assert not any(window.conditions.contextual for step in spy.steps for window in step)


def test_a_later_group_starts_from_the_finished_tail():
    spy, sync = Spy(), Sync()
    found = run(linear, 50, sync, executor=spy)
    later = groups(50, sync)[1]
    opening = spy.steps[SAMPLING.steps]  # the first step of the second group
    told = opening[0].conditions
    assert told.contextual
    torch.testing.assert_close(told.context[0], found[later.first - CONTEXT : later.first])
    assert not opening[1].conditions.contextual
    tails = []
    for step, t in enumerate((1.0, 6 / 7, 0.6)):  # the stops of three steps at shift 3
        entered = spy.steps[SAMPLING.steps + step][0].x[0, : later.known]
        noise = noise_field(SAMPLING.seed, later.first, later.known, SHAPE)
        tails.append(entered - t * noise)
    torch.testing.assert_close(tails[0], torch.zeros_like(tails[0]), atol=1e-5, rtol=0)
    torch.testing.assert_close(tails[1] * 7, tails[2] / 0.4, atol=1e-4, rtol=0)  # both the same finished latents
    torch.testing.assert_close(tails[2][0] / 0.4, found[later.first], atol=0.2, rtol=0)


def test_what_is_handed_out_is_amplified_and_no_window_knows():
    """Else a group would amplify what it knows of the one before, and a long video grow without end."""
    spies = Spy(), Spy()
    plain, larger = (
        run(linear, 50, Sync(), replace(SAMPLING, amplitude=size), executor=spy)
        for spy, size in zip(spies, (1.0, 1.5), strict=True)
    )
    assert torch.equal(larger, 1.5 * plain)
    for one, other in zip(*(spy.steps for spy in spies), strict=True):
        for window, same in zip(one, other, strict=True):
            assert torch.equal(window.x, same.x)
            assert torch.equal(window.conditions.context, same.conditions.context)


def test_words_and_their_absence_are_told():
    for words, prompted in ((WORDS, True), (WORDS[:0], False)):
        spy = Spy()
        list(continuum(truth, ANCHOR, sound, words, 12, Sync(), SAMPLING, executor=spy))
        assert all(bool(window.conditions.prompted) == prompted for step in spy.steps for window in step)


def test_memory_does_not_grow_with_the_video():
    def most(total: int) -> int:
        """Numbers in all tensors alive whenever a later group is finished."""
        counts = []
        for _ in continuum(truth, ANCHOR, sound, WORDS, total, Sync(), SAMPLING, InProcess(1)):
            gc.collect()
            counts.append(sum(found.numel() for found in gc.get_objects() if issubclass(type(found), torch.Tensor)))
        return max(counts[1:])

    chunk = Sync().stride
    few, many = most(12 * chunk), most(60 * chunk)
    assert many <= 1.02 * few


def test_progress_counts_the_steps_of_all_groups_and_may_cancel():
    seen = []
    list(continuum(truth, ANCHOR, sound, WORDS, 75, Sync(), SAMPLING, progress=lambda *said: seen.append(said[:2])))
    steps = SAMPLING.steps * len(groups(75, Sync()))
    assert sorted(set(seen)) == [(k, steps) for k in range(steps + 1)]
    assert seen == sorted(seen)

    def stop(done, *_):
        if done == 2:
            raise KeyboardInterrupt

    spy = Spy()
    with pytest.raises(KeyboardInterrupt):
        list(continuum(truth, ANCHOR, sound, WORDS, 75, Sync(), SAMPLING, spy, stop))
    assert len(spy.steps) == 2
