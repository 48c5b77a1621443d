"""Kernels that move pixels."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from amc.methods.cdna.transformation import composed, normalized, transformed


@given(st.integers(0, 2**31), st.floats(-20, 20), st.sampled_from([torch.float32, torch.bfloat16]))
def test_kernels_are_not_negative_and_sum_to_one(seed: int, offset: float, kind: torch.dtype) -> None:
    raw = torch.randn(2, 10, 5, 5, generator=torch.Generator().manual_seed(seed)).to(kind) + offset
    kernels = normalized(raw)
    assert kernels.dtype == torch.float32
    assert bool((kernels >= 0).all())
    torch.testing.assert_close(kernels.sum(dim=(2, 3)), torch.ones(2, 10), rtol=1e-6, atol=0)


def test_a_kernel_that_is_negative_everywhere_is_a_mean() -> None:
    torch.testing.assert_close(normalized(torch.full((1, 1, 5, 5), -3.0)), torch.full((1, 1, 5, 5), 1 / 25))


@pytest.mark.parametrize(("down", "right"), [(0, 0), (1, 0), (0, 2), (-2, 1), (2, -2)])
def test_a_shifted_kernel_reproduces_a_shifted_square_exactly(down: int, right: int) -> None:
    frame = torch.zeros(2, 3, 16, 16)
    frame[:, :, 5:9, 6:10] = torch.rand(2, 3, 1, 1)
    moved = torch.zeros(2, 3, 16, 16)
    moved[:, :, 5 + down : 9 + down, 6 + right : 10 + right] = frame[:, :, 5:9, 6:10]
    kernel = torch.zeros(2, 1, 5, 5)
    kernel[:, :, 2 - down, 2 - right] = 1  # output pixel (y, x) is input pixel (y - down, x - right)
    assert torch.equal(transformed(frame, kernel)[:, 0], moved)
    large = torch.full((2, 1, 5, 5), -1.0)
    large[:, :, 2 - down, 2 - right] = 1e3  # what the network would predict for it
    torch.testing.assert_close(transformed(frame, normalized(large))[:, 0], moved, rtol=0, atol=1e-9)


def test_clips_have_their_own_kernels_and_colours_share_them() -> None:
    frame, kernels = torch.rand(2, 3, 6, 6), torch.rand(2, 4, 5, 5)
    result = transformed(frame, kernels)
    assert result.shape == (2, 4, 3, 6, 6)
    for clip in range(2):
        for n in range(4):
            for colour in range(3):
                image, kernel = frame[clip, colour][None, None], kernels[clip, n][None, None]
                expected = torch.nn.functional.conv2d(image, kernel, padding=2)[0, 0]
                torch.testing.assert_close(result[clip, n, colour], expected)


def test_every_layer_has_a_mask() -> None:
    layers, masks = torch.rand(1, 3, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    masks[:, 2] = 1  # the last kernel, which the released code drops
    assert torch.equal(composed(masks, layers), layers[:, 2])
    with pytest.raises(AssertionError, match="every layer has a mask"):
        composed(masks[:, :2], layers)
