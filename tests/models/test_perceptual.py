"""Gram matrices and the distance of Eqs. 1 and 2, by hand and by law."""

from __future__ import annotations

import math
from typing import Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from amc.models.perceptual import distance, distance_to, gram


def video(*frames: list[list[float]]) -> Tensor:
    """One clip of frames, each a list of channels, each a list of pixels in a row: (1, T, C, 1, W)."""
    return torch.tensor([frames], dtype=torch.float64)[:, :, :, None]


def test_spatial_gram_by_hand() -> None:
    # omega = [[1, 2], [3, 0]] (two channels of one frame, two pixels): omega' omega / 4.
    assert gram(video([[1, 2], [3, 0]]))[0].tolist() == [[10 / 4, 2 / 4], [2 / 4, 4 / 4]]
    # The same numbers as one channel of two frames: N counts frames times channels.
    assert gram(video([[1, 2]], [[3, 0]]))[0].tolist() == [[10 / 4, 2 / 4], [2 / 4, 4 / 4]]


def test_channel_gram_by_hand() -> None:
    assert gram(video([[1, 2], [3, 0]]), "channel")[0].tolist() == [[5 / 4, 3 / 4], [3 / 4, 9 / 4]]


def test_distance_by_hand() -> None:
    # omega = [1 2] and [3 0]: G = [[1, 2], [2, 4]] / 2 and [[9, 0], [0, 0]] / 2; their difference [[-4, 1], [1, 2]].
    d = distance(gram(video([[1, 2]])), gram(video([[3, 0]])))
    assert d.tolist() == [pytest.approx(math.sqrt(16 + 1 + 1 + 4))]
    # As numbers 1 x 1 for the channel Gram: |5 - 9| / 2.
    assert distance(gram(video([[1, 2]]), "channel"), gram(video([[3, 0]]), "channel")).tolist() == [pytest.approx(2)]


def test_distance_is_of_each_clip() -> None:
    first = torch.cat([video([[1, 2]]), video([[1, 2]])])
    second = torch.cat([video([[1, 2]]), video([[3, 0]])])
    d = distance(gram(first), gram(second))
    assert d.tolist() == [0.0, pytest.approx(math.sqrt(22))]


def test_the_spatial_gram_does_not_see_the_order_of_frames() -> None:
    """R1: that is why the channel Gram is a setting."""
    maps = torch.randn(2, 4, 3, 2, 2, dtype=torch.float64)
    assert distance(gram(maps), gram(maps.flip(1))).max() < 1e-12
    assert distance(gram(maps, "channel"), gram(maps.flip(1), "channel")).min() > 1e-3


def test_no_slope_where_the_distance_is_zero() -> None:
    x = torch.randn(1, 2, 3, 2, 2, dtype=torch.float64)
    y = x.clone().requires_grad_()
    distance(gram(x), gram(y)).sum().backward()
    assert y.grad is not None
    assert not y.grad.any()


@pytest.mark.parametrize("kind", ["spatial", "channel"])
def test_gradient_by_finite_differences(kind: str) -> None:
    x, y = (torch.randn(2, 2, 2, 2, 1, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda x, y: distance(gram(x, kind), gram(y, kind)), (x, y))  # type: ignore[arg-type]


@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3)),
    seed=st.integers(0, 99),
)
def test_laws(shape: tuple[int, int, int, int, int], seed: int) -> None:
    g = torch.Generator().manual_seed(seed)
    x, y = (torch.randn(shape, generator=g, dtype=torch.float64) for _ in range(2))
    b, t, c, h, w = shape
    spatial, channel = gram(x), gram(x, "channel")
    assert spatial.shape == (b, h * w, h * w)
    assert channel.shape == (b, t * c, t * c)
    torch.testing.assert_close(spatial, spatial.mT)
    # Both have the trace |omega|^2 / NM, and Gram matrices grow with the square of the maps.
    trace = x.square().sum((1, 2, 3, 4)) / (t * c * h * w)
    for matrix in (spatial, channel):
        torch.testing.assert_close(matrix.diagonal(dim1=1, dim2=2).sum(1), trace)
    torch.testing.assert_close(gram(3 * x), 9 * spatial)
    torch.testing.assert_close(distance(spatial, gram(y)), distance(gram(y), spatial))
    assert distance(spatial, gram(x.clone())).max() == 0


@pytest.mark.parametrize("kind", ["spatial", "channel"])
def test_distance_to_is_the_distance(kind: Literal["spatial", "channel"]) -> None:
    torch.manual_seed(0)
    fixed, x = torch.randn(2, 3, 2, 2, 3, dtype=torch.float64), torch.randn(2, 3, 2, 2, 3, dtype=torch.float64)
    for maps in (x, fixed):
        maps.requires_grad_()
    weight = torch.tensor([0.5, -2.0], dtype=torch.float64)
    mine, theirs = distance_to(gram(fixed, kind), x, kind), distance(gram(fixed, kind), gram(x, kind))
    torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-14)
    slopes = (torch.autograd.grad((d * weight).sum(), (x, fixed)) for d in (mine, theirs))
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-14)
    assert torch.autograd.gradcheck(lambda a, b: distance_to(gram(a, kind), b, kind), (fixed, x))


def test_distance_to_itself_is_zero_with_no_slope() -> None:
    x = torch.tensor([[[[[2.0]]]]], dtype=torch.float64, requires_grad=True)
    d = distance_to(gram(x.detach()), x)
    d.sum().backward()
    assert d.tolist() == [0.0]
    assert x.grad is not None
    assert x.grad.tolist() == [[[[[0.0]]]]]
