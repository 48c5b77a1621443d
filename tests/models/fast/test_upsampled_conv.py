"""`UpsampledConv` against upsampling and convolving."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from amc.models.fast.upsampled_conv import UpsampledConv


def upsample_then_convolve(layer: UpsampledConv, x: Tensor) -> Tensor:
    up = F.interpolate(x, scale_factor=float(layer.scale), mode="bilinear", align_corners=False)
    return F.conv2d(up, layer.weight, layer.bias, padding=1)


def layer_and_input(scale: int, shape: tuple[int, ...], outputs: int = 3) -> tuple[UpsampledConv, Tensor]:
    torch.manual_seed(scale)
    layer = UpsampledConv(shape[1], outputs, scale).double()
    return layer, torch.randn(shape, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 5, 1, 3), (3, 4, 4, 4), (2, 3, 5, 2)])
@pytest.mark.parametrize("scale", [2, 4, 8])
def test_equals_upsampling_then_convolving(scale: int, shape: tuple[int, ...]) -> None:
    layer, x = layer_and_input(scale, shape)
    result, expected = layer(x), upsample_then_convolve(layer, x)
    torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-12)
    slope = torch.randn_like(expected)
    inputs = (x, layer.weight, layer.bias)
    assert layer.bias is not None
    actual = torch.autograd.grad(result, inputs, slope)
    for a, b in zip(actual, torch.autograd.grad(expected, inputs, slope), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_memory_format_of_the_input_does_not_matter(scale: int) -> None:
    layer, x = layer_and_input(scale, (2, 3, 4, 4))
    torch.testing.assert_close(layer(x.contiguous(memory_format=torch.channels_last)), layer(x), rtol=0, atol=1e-14)


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_gradient_by_finite_differences(scale: int) -> None:
    layer, x = layer_and_input(scale, (1, 2, 2, 3), outputs=2)

    def convolve(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (x,))  # type: ignore[no-any-return]

    assert torch.autograd.gradcheck(convolve, (x, layer.weight, layer.bias))


def test_float32_stays_close() -> None:
    layer, x = layer_and_input(8, (2, 16, 8, 8), outputs=8)
    expected = upsample_then_convolve(layer, x)
    torch.testing.assert_close(layer.float()(x.float()).double(), expected, rtol=0, atol=2e-6)
