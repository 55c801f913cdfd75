"""The training of VOCAL: windows as the sampler meets them, and a tiny model that learns to lip-sync."""

from dataclasses import fields, replace

import pytest
import torch

from neo_core.data_types import Identity
from neo_core.motion_space import INDEX, REGIONS
from neo_core.training.flow_matching import Plan, Run
from neo_core.training.synthetic.performances import Performances, Take
from neo_core.training.synthetic.utterance import Phone, Utterance
from neo_core.training.vocal import (
    SHARES,
    UNHEARD,
    balanced,
    drop_conditions,
    health,
    heard_so_far,
    rescale,
    windows_loss,
)
from neo_core.training.vocal_features import GRAIN
from neo_core.training.vocal_windows import CLOSURE_WEIGHT, SHUT_WEIGHT, WindowStore, mouth_weight, spread
from neo_core.vocal.loading import ARCHITECTURES
from neo_core.vocal.motion_generator import Conditions, MotionGenerator
from neo_core.vocal.sampler import audio_windows, window_conditions
from neo_core.vocal.unified_mmdit import UnifiedConfig

TINY = {"audio_layers": 2, "audio_width": 6, "width": 32, "depth": 2, "heads": 2, "mlp_ratio": 2, "rotary": 8}
SHORT = {"window": 16, "prefix": 4, "lookahead": 2}
CONFIG = UnifiedConfig(**TINY, **SHORT)
FRAMES = 60


def performances() -> Performances:
    """The jaw says how loud the sound is; everything else rests."""
    dice = torch.Generator().manual_seed(0)
    loud = torch.rand(4, FRAMES // 4, generator=dice).repeat_interleave(4, dim=1)
    utterances, takes = [], []
    for k in range(4):
        samples = (loud[k].repeat_interleave(640) * torch.randn(FRAMES * 640, generator=dice)).clamp(-1, 1)
        phones = (Phone("AA", 0.0, 1.2, 1.0), Phone("P", 1.2, 2.4, 0.25))
        utterances.append(Utterance(samples, phones, (), f"voice {k}", ""))
        motion = torch.zeros(FRAMES, 63)
        motion[:, INDEX["jawOpen"]] = loud[k]
        geometry, style = torch.randn(60, generator=dice), torch.randn(16, generator=dice)
        takes.append(
            Take(k, geometry, style, torch.zeros(63), motion.half(), seed=k, held_out=k == 3, emotion=torch.zeros(6))
        )
    every = torch.cat([take.motion.float() for take in takes])
    return Performances(tuple(utterances), tuple(takes), every.mean(0), every.std(0).clamp(min=0.01))


def listen(utterance: Utterance) -> list[torch.Tensor]:
    level = utterance.samples.unflatten(0, (-1, 320)).std(-1)  # [2 T]
    states = torch.stack((level, 0.6 - level, level.square(), *torch.full((3, len(level)), 0.3)), -1)
    return [10 * states.expand(2, -1, -1)]


@pytest.fixture
def store() -> WindowStore:
    return WindowStore(performances(), listen, CONFIG, held_out=False)


def network(architecture: str = "neo-1.5") -> MotionGenerator:
    torch.manual_seed(0)
    kind, config = ARCHITECTURES[architecture]
    net = kind(config(**TINY, **SHORT))
    mean, log_scale = spread(performances())
    net.motion_mean.copy_(mean)
    net.motion_log_scale.copy_(log_scale)
    return net


@pytest.mark.parametrize("start", [0, 16, 48])
def test_windows_are_cut_as_the_sampler_cuts_them(store, start):
    """Same sound, same marks, same prefix: the first window, one inside, one past the end."""
    take = store.takes[0]
    trained = store.cut([(0, start)]).conditions
    window = list(audio_windows([GRAIN * store.hidden[take.utterance][0].float()], CONFIG))[start // CONFIG.window]
    prefix = take.motion[start - CONFIG.prefix : start].float() if start else None
    net = network()
    sampled = window_conditions(net, window, Identity(take.geometry, take.style, take.reference), prefix)
    trained = trained.normalised(net)
    assert torch.equal(trained.heard, sampled.heard)
    heard = sampled.heard.repeat_interleave(2, dim=1)[:, None, :, None]
    assert torch.equal(trained.audio.float() * heard, sampled.audio * heard)
    for name in ("geometry", "style", "identity", "reference_motion", "reference", "prefix"):
        assert torch.equal(getattr(trained, name), getattr(sampled, name))
    assert torch.equal(trained.prefix_motion, sampled.prefix_motion)


def test_a_window_past_the_end_holds_its_last_frame_and_counts_little(store):
    windows = store.cut([(0, 56)])
    assert torch.equal(windows.motion[0, 3:], windows.motion[0, 3].expand(13, -1))
    brow = INDEX["browInnerUp_L"]
    assert windows.weight[0, 4:, brow].max() < windows.weight[0, :4, brow].min()


def test_doubtful_phones_count_less_and_closures_more_for_the_mouth_only():
    weight = mouth_weight(performances().utterances[0].phones, FRAMES)
    assert weight[:29].eq(1).all()
    assert weight[31:59].eq(0.25 * CLOSURE_WEIGHT).all()
    weight = WindowStore(performances(), listen, CONFIG, held_out=False).cut([(0, 31)]).weight[0]
    assert weight[:, list(REGIONS["mouth"])].eq(0.25 * CLOSURE_WEIGHT).all()
    assert weight[:, list(REGIONS["pose"])].eq(1).all()


def test_shut_lids_count_more():
    data = performances()
    data.takes[0].motion[10:13, INDEX["eyeBlink_L"]] = 1
    weight = WindowStore(data, listen, CONFIG, held_out=False).cut([(0, 0)]).weight[0, :, INDEX["eyeBlink_L"]]
    assert weight[10:13].eq(SHUT_WEIGHT).all()
    assert weight[:10].eq(1).all()


def test_each_version_of_a_sound_is_heard():
    store = WindowStore(performances(), lambda u: [listen(u)[0], 2 + listen(u)[0]], CONFIG, held_out=False)
    one, other = store.cut([(0, 0), (0, 0)], [0, 1]).conditions.audio
    assert (other - one)[:, 2 * CONFIG.prefix :].sub(2).abs().max() <= GRAIN


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_other_units_of_motion_leave_the_performance_as_it_is(store, architecture):
    net, other = network(architecture).eval(), network(architecture).eval()
    torch.nn.init.normal_(net.final.weight, std=0.1)
    other.load_state_dict(net.state_dict())
    rescale(other, net.motion_mean + 0.02, net.motion_log_scale + 0.3)
    conditions = store.cut([(0, 16)]).conditions
    motion = store.takes[0].motion[None, 16:32].float()
    said = [n.denormalise(n(n.normalise(motion), torch.ones(1), conditions.normalised(n))) for n in (net, other)]
    assert torch.allclose(said[0], said[1], atol=1e-4)
    assert said[0].std() > 0.01


def test_held_out_voices_stay_out():
    data = performances()
    assert [take.seed for take in WindowStore(data, listen, CONFIG, held_out=False).takes] == [0, 1, 2]
    assert [take.seed for take in WindowStore(data, listen, CONFIG, held_out=True).takes] == [3]


def test_signals_are_dropped_now_and_then_and_alone(store):
    dice = torch.Generator().manual_seed(0)
    conditions = store.draw(400, dice).conditions
    kept = drop_conditions(conditions, dice)
    audio, identity, reference = kept.heard.any(1), kept.identity, kept.reference
    for flag in (audio, identity, reference):
        assert 0.08 < (~flag).float().mean() < 0.25
    assert 0.03 < (~(audio | identity | reference)).float().mean() < 0.12
    assert (~audio & identity & reference).any()
    assert (kept.prefix & ~conditions.prefix).sum() == 0


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_what_training_leaves_out_is_what_sampling_leaves_out(store, architecture):
    """Null-condition parity: the network cannot tell a dropped signal from one that guidance leaves out, nor a dropped
    prefix from the first window of a clip."""
    net, dice = network(architecture).eval(), torch.Generator().manual_seed(0)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    conditions = store.draw(300, dice).conditions.normalised(net)
    kept = drop_conditions(conditions, dice)
    x, t = torch.randn(1, CONFIG.window, 63), torch.rand(1)
    marks = {"audio": "heard", "identity": "identity", "reference": "reference", "prefix": "prefix"}
    found = set()
    for k in range(300):
        trained = one_of(kept, k)
        dropped = [name for name, mark in marks.items() if not getattr(trained, mark).any()]
        sampled = replace(one_of(conditions, k), heard=trained.heard, prefix_motion=trained.prefix_motion)
        sampled = sampled.without(*(name for name in dropped if name != "prefix"))
        if "prefix" in dropped:
            nothing = torch.zeros_like(sampled.prefix_motion)
            sampled = replace(sampled, prefix_motion=nothing, prefix=torch.zeros(1, dtype=torch.bool))
        if dropped and tuple(dropped) not in found:
            found.add(tuple(dropped))
            assert torch.equal(net(x, t, trained), net(x, t, sampled)), dropped
    assert {(name,) for name in marks} <= found
    assert ("audio", "identity", "reference") in found


def one_of(conditions: Conditions, k: int) -> Conditions:
    return Conditions(*(getattr(conditions, field.name)[k : k + 1] for field in fields(conditions)))


def test_some_windows_do_not_hear_what_comes_and_move_on_all_the_same(store):
    """Sound is hidden from one moment on, never before the window's first frame; the motion to learn stays."""
    dice = torch.Generator().manual_seed(0)
    conditions = store.draw(600, dice).conditions
    heard, before = heard_so_far(conditions, dice), conditions.heard
    live = (heard != before).any(1)
    assert 0.5 * UNHEARD < live.float().mean() < 1.5 * UNHEARD
    assert not (heard & ~before).any()
    assert torch.equal(heard[:, : CONFIG.prefix + 1], before[:, : CONFIG.prefix + 1])
    ends = heard[live].long().cumsum(1).argmax(1)  # the last token that is heard
    hidden = torch.arange(CONFIG.audio_tokens) > ends[:, None]
    assert not heard[live][hidden].any()
    assert len(ends.unique()) > CONFIG.window // 2


def test_every_region_counts_by_its_share_whatever_its_size():
    terms = torch.zeros(1, 2, 63)
    terms[..., list(REGIONS["gaze"])] = 1
    gaze = balanced(terms)
    terms.zero_()
    terms[..., list(REGIONS["mouth"])] = 1
    assert balanced(terms) == pytest.approx(SHARES["mouth"] / SHARES["gaze"] * gaze.item())
    assert SHARES["mouth"] > SHARES["gaze"]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_it_learns_to_follow_the_sound(store, architecture):
    dice = torch.Generator().manual_seed(0)
    run = Run(network(architecture), Plan(minutes=1, rate=3e-3))
    first = None
    for _ in range(80):
        for group in run.optimiser.param_groups:
            group["lr"] = 3e-3
        loss = windows_loss(run.net, store, 12, dice, torch.device("cpu"))
        first = first or loss.item()
        run.optimiser.zero_grad()
        loss.backward()
        run.optimiser.step()
    exam = WindowStore(performances(), listen, CONFIG, held_out=True).draw(8, torch.Generator().manual_seed(0))
    found = health(run.net.eval(), exam)
    assert loss.item() < 0.5 * first
    assert found["audio_gain"] > 1.1
