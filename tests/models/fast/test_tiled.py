"""`tiled_conv` against tiling and convolving."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from amc.models.fast.tiled import tiled_conv


def tile_then_convolve(vector: Tensor, weight: Tensor, height: int, width: int) -> Tensor:
    maps = vector[:, :, None, None].repeat(1, 1, height, width)
    return F.conv2d(maps, weight, padding=weight.shape[-1] // 2)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 3),
    channels=st.tuples(st.integers(1, 5), st.integers(1, 4)),
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    kernel=st.sampled_from([1, 3, 5]),
    seed=st.integers(0, 99),
)
def test_equals_tiling_then_convolving(
    n: int, channels: tuple[int, int], size: tuple[int, int], kernel: int, seed: int
) -> None:
    g = torch.Generator().manual_seed(seed)
    inputs, outputs = channels
    vector = torch.randn(n, inputs, generator=g, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(outputs, inputs, kernel, kernel, generator=g, dtype=torch.float64, requires_grad=True)
    result, expected = tiled_conv(vector, weight, *size), tile_then_convolve(vector, weight, *size)
    torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-12)
    slope = torch.randn(expected.shape, generator=g, dtype=torch.float64)
    actual = torch.autograd.grad(result, (vector, weight), slope)
    for a, b in zip(actual, torch.autograd.grad(expected, (vector, weight), slope), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11)


def test_hand_computed() -> None:
    """A kernel of ones on a tiled 1 counts the taps inside a 3x3 map."""
    counts = tiled_conv(torch.ones(1, 1), torch.ones(1, 1, 3, 3), 3, 3)[0, 0]
    assert counts.tolist() == [[4, 6, 4], [6, 9, 6], [4, 6, 4]]


@pytest.mark.parametrize("size", [(1, 1), (2, 3)])
def test_gradient_by_finite_differences(size: tuple[int, int]) -> None:
    vector = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 3, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v, w: tiled_conv(v, w, *size), (vector, weight))
