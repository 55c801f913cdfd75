"""The DiT: what it starts as, and what must not matter to it."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from neo_core.neo2.dit import SIGNALS, SIZES, Conditions, DiT, DiTConfig
from neo_core.neo2.latent_space import CHANNELS, COARSE
from neo_core.neo2.text_encoder import pad_words, tokenise

CONFIG = DiTConfig(
    audio_layers=2, audio_width=6, width=32, depth=2, heads=2, side_width=16, patch=2, rotary_time=4, rotary_place=4,
    local_width=8, local_depth=1, text_width=12, text_depth=1, prior_lags=3, prior_side=8,
)  # fmt: skip
T, SIDE = 4, 8
LARGEST_FILE = 21e6  # bytes, as the manifest of the embedded weights allows


def network(config: DiTConfig = CONFIG) -> DiT:
    """With random weights in place of the zeros, so that everything matters that can."""
    torch.manual_seed(0)
    net = DiT(config)
    with torch.no_grad():
        for p in net.parameters():
            p += 0.1 * torch.randn(p.shape)
    return net.eval()


def conditions(batch: int = 2, length: int = T, context: int = 2) -> Conditions:
    dice = torch.Generator().manual_seed(1)

    def noise(*shape: int) -> Tensor:
        return torch.randn(shape, generator=dice)

    return Conditions(
        anchor=noise(batch, CHANNELS, COARSE * SIDE, COARSE * SIDE),
        audio=noise(batch, 2, 8 * length, 6),
        words=pad_words([tokenise("a calm man")] * batch),
        context=noise(batch, context, CHANNELS, SIDE, SIDE),
        context_time=torch.arange(-context, 0).expand(batch, -1).float(),
        **dict.fromkeys(SIGNALS.values(), torch.ones(batch, dtype=torch.bool)),
    )


def inputs(batch: int = 2, length: int = T) -> tuple[Tensor, Tensor]:
    dice = torch.Generator().manual_seed(2)
    x = torch.randn(batch, length, CHANNELS, SIDE, SIDE, generator=dice)
    return x, torch.linspace(0.3, 0.9, batch)


@torch.no_grad()
def answers(net: DiT, given: Conditions, **options) -> Tensor:
    return net(*inputs(len(given.anchor), given.audio.shape[2] // 8), given, **options)


def test_a_fresh_network_answers_with_the_linear_estimate():
    """Which is the anchor, zeros, where nothing ever moves, and between it and the noisy data elsewhere."""
    net = DiT(CONFIG)
    x, t = inputs()
    net.autocovariance[:, :, :4] = 0
    made, t = answers(net, conditions()), t[:, None, None, None, None]
    assert made[..., :2, :].abs().max() < 5e-3
    torch.testing.assert_close(made[..., 6:, :], ((1 - t) / ((1 - t) ** 2 + t**2) * x)[..., 6:, :])


def test_a_fresh_network_learns_in_all_its_parts():
    net = DiT(CONFIG)
    for layer in (net.final, net.lively, net.final_modulation, *(block.out for block in (*net.before, *net.after))):
        torch.nn.init.normal_(layer.weight, std=0.1)
    for given in (conditions(), conditions().without(*SIGNALS)):
        net(*inputs(), given).square().mean().backward()
    still = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    last = f"blocks.{CONFIG.depth - 1}.streams."  # sound and words end there
    assert all(name.startswith((f"{last}1.", f"{last}2.")) for name in still), still


def test_no_time_loses_the_data():
    """At t = 0 any network hands its input back."""
    x, _ = inputs()
    with torch.no_grad():
        assert torch.allclose(network()(x, torch.zeros(len(x)), conditions()), x, atol=1e-5)


@pytest.mark.parametrize("signal", SIGNALS)
def test_every_signal_matters_when_given(signal):
    net, given = network(), conditions()
    assert (answers(net, given) - answers(net, given.without(signal))).abs().amax((1, 2, 3, 4)).min() > 1e-3


@pytest.mark.parametrize(("signal", "field"), [("audio", "audio"), ("text", "words"), ("reference", "anchor")])
def test_a_signal_left_out_cannot_matter(signal, field):
    net, given = network(), conditions().without(signal)
    other = replace(given, **{field: getattr(given, field).roll(1, -1)})
    assert not torch.equal(getattr(given, field), getattr(other, field))
    assert torch.equal(answers(net, given), answers(net, other))


def test_context_left_out_is_no_context():
    net, given = network(), conditions()
    made = answers(net, given.without("context"))
    none = replace(given, context=given.context[:, :0], context_time=given.context_time[:, :0])
    assert torch.allclose(made, answers(net, none), atol=1e-5)
    other = replace(given.without("context"), context=given.context.flip(-1), context_time=given.context_time - 3)
    assert torch.allclose(made, answers(net, other), atol=1e-5)


def test_context_is_a_set_with_times():
    net, given = network(), conditions()
    turned = replace(given, context=given.context.flip(1), context_time=given.context_time.flip(1))
    assert torch.allclose(answers(net, given), answers(net, turned), atol=1e-5)
    assert not torch.allclose(answers(net, given), answers(net, replace(turned, context=given.context)), atol=1e-4)


def test_words_that_are_not_there_cannot_matter():
    net, given = network(), conditions()
    longer = replace(given, words=torch.cat((given.words, torch.zeros_like(given.words)), dim=1))
    assert torch.allclose(answers(net, given), answers(net, longer), atol=1e-5)


def test_zeros_are_not_heard():
    net, given = network(), conditions()
    silent = replace(given, audio=torch.zeros_like(given.audio))
    assert torch.equal(answers(net, silent), answers(net, given.without("audio")))
    part = given.audio.clone()
    part[:, :, :8] = 0
    assert not torch.allclose(answers(net, replace(given, audio=part)), answers(net, given), atol=1e-4)


def test_batch_items_are_independent():
    net, given = network(), conditions()
    other = replace(given, **{name: getattr(given, name).clone() for name in ("anchor", "audio", "context", "words")})
    for name in ("anchor", "audio", "context", "words"):
        getattr(other, name)[1] = getattr(given, name)[1].flip(-1)
    other = replace(other, heard=torch.tensor([True, False]))
    assert torch.allclose(answers(net, given)[0], answers(net, other)[0], atol=1e-5)
    assert not torch.allclose(answers(net, given)[1], answers(net, other)[1], atol=1e-4)


def test_the_time_of_context_counts():
    net, given = network(), conditions()
    here = answers(net, given)
    lagged = answers(net, replace(given, context_time=given.context_time - 2))
    assert not torch.allclose(here, lagged, atol=1e-4)


def test_sound_belongs_to_its_latent():
    """Without attention (no blocks), and where moments do not go together, a latent knows its own frames and two on
    either side, and no others."""
    net, given = network(replace(CONFIG, depth=0, local_depth=0)), conditions()
    net.lively.weight.data.zero_()  # how lively a place is, is said for the whole window
    for frame in range(4 * T):
        louder = given.audio.clone()
        louder[:, :, 2 * frame : 2 * frame + 2] += torch.randn(6)
        changed = (answers(net, given) - answers(net, replace(given, audio=louder))).abs().amax((0, 2, 3, 4)) > 1e-4
        assert changed.tolist() == [4 * k - 2 <= frame < 4 * k + 6 for k in range(T)]


def test_conditions_stack():
    net, given = network(), conditions()
    wordy = replace(given, words=pad_words([tokenise("a lively woman in a red coat")] * 2))
    alone = replace(given, context=given.context[:, :0], context_time=given.context_time[:, :0])
    together = Conditions.stack([given, wordy, alone])
    x, t = inputs()
    made = net(x.repeat(3, 1, 1, 1, 1), t.repeat(3), together).chunk(3)
    for part, single in zip(made, (given, wordy, alone), strict=True):
        assert torch.allclose(part, net(x, t, single), atol=1e-5)


def test_any_length_and_any_grid():
    net = network()
    for length in (1, 7):
        assert answers(net, conditions(1, length)).shape == (1, length, CHANNELS, SIDE, SIDE)
    given = conditions()
    wide = replace(given, anchor=given.anchor[..., : COARSE * 4, :], context=given.context[..., :4, :])
    assert net(inputs()[0][..., :4, :], inputs()[1], wide).shape[-2:] == (4, SIDE)


def test_the_mini_fits_its_file_and_base_is_larger():
    nets = {name: DiT(DiTConfig(**changes)) for name, changes in SIZES.items()}
    sizes = {name: sum(value.numel() for value in net.state_dict().values()) for name, net in nets.items()}
    assert 2 * sizes["mini"] < LARGEST_FILE
    assert 20e6 < sizes["base"] < 50e6


def test_impossible_sizes_are_refused():
    with pytest.raises(ValueError, match="does not split"):
        DiTConfig(width=30)


def test_tokens_know_their_place_in_the_picture():
    """Two places that look alike and see nothing else are told apart."""
    net, given = network(replace(CONFIG, depth=0, local_depth=0)), conditions()
    flat = replace(given, anchor=torch.ones_like(given.anchor), context=torch.ones_like(given.context))
    answer = net(torch.ones_like(inputs()[0]), inputs()[1], flat)[0, 0, 0]
    cells = answer.unfold(0, 2, 2).unfold(1, 2, 2).flatten(2).flatten(0, 1)
    assert torch.pdist(cells).min() > 1e-3
