"""Convolutions at the resolution before upsampling give what convolutions after it give."""

import pytest
import torch
import torch.nn.functional as F

from neo_core.pictar.volumetric.phase_split import (
    bordered,
    first_phases,
    first_taps,
    second_phases,
    second_taps,
    split_kernels,
    variety,
)

FACTORS = (1, 2, 3, 4, 5)


def pattern_of(x, weight, bias, factor):
    """The pattern that the phases of a first convolution make. [B, O, r h, r w]"""
    step = variety(factor)
    out = x.new_empty(len(x), len(bias), step * x.shape[2], step * x.shape[3])
    for row, column, phase in first_phases(bordered(x), split_kernels(weight, first_taps(factor)), bias, factor):
        out[..., row::step, column::step] = phase
    return out


def enlarged(pattern, factor):
    """A pattern with its inner rows and columns as often as upsampling would show them."""
    step = variety(factor)
    kind = [min(row, 1) if row < factor - 1 else step - 1 for row in range(factor)]
    rows, columns = (
        torch.tensor([step * k + place for k in range(length // step) for place in kind])
        for length in pattern.shape[2:]
    )
    return pattern[:, :, rows][..., columns]


@pytest.mark.parametrize("factor", FACTORS)
def test_a_convolution_after_upsampling_is_its_phases(factor):
    x, weight, bias = torch.randn(2, 3, 5, 7), torch.randn(4, 3, 3, 3), torch.randn(4)
    expected = F.conv2d(F.interpolate(x, scale_factor=factor), weight, bias, padding=1)
    assert torch.allclose(enlarged(pattern_of(x, weight, bias, factor), factor), expected, atol=1e-5)


@pytest.mark.parametrize("factor", FACTORS)
def test_a_second_convolution_reads_the_pattern_only(factor):
    x, first, second = torch.randn(2, 3, 5, 7), torch.randn(4, 3, 3, 3), torch.randn(6, 4, 3, 3)
    bias, other = torch.randn(4), torch.randn(6)
    inner = F.relu(F.conv2d(F.interpolate(x, scale_factor=factor), first, bias, padding=1))
    expected = F.conv2d(inner, second, other, padding=1)
    pattern = bordered(F.relu(pattern_of(x, first, bias, factor)))
    found = torch.full_like(expected, torch.nan)
    for rows, columns, phase in second_phases(pattern, split_kernels(second, second_taps(factor)), other, factor):
        found[..., rows, columns] = phase
    assert torch.allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("factor", "first", "second"), [(1, 9, 9), (2, 16, 36), (4, 25, 100)], ids=["as it is", "twice", "four times"]
)
def test_taps_are_as_few_as_the_reference_counts(factor, first, second):
    assert sum(taps.count for taps in first_taps(factor)) ** 2 == first
    assert sum(taps.count for taps in second_taps(factor)) ** 2 == second


def test_the_depth_of_a_volume_is_not_split():
    x, weight, bias = torch.randn(1, 3, 4, 5, 6), torch.randn(2, 3, 3, 3, 3), torch.randn(2)
    expected = F.conv3d(F.interpolate(x, scale_factor=(1, 2, 2)), weight, bias, padding=1)
    found = torch.empty_like(expected)
    for row, column, phase in first_phases(bordered(x), split_kernels(weight, first_taps(2)), bias, 2):
        found[..., row::2, column::2] = phase
    assert torch.allclose(found, expected, atol=1e-5)
