"""The element-wise gate: s u + (1 - s) e (appendix A.1)."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from amc.models.fast import gating
from amc.models.fast.gating import gated_skip
from amc.models.fast.upsampled_conv import UpsampledConv


def plain(x: Tensor, hidden: Tensor, gate: UpsampledConv, skip: Tensor, slope: float) -> Tensor:
    a = F.conv2d(F.interpolate(hidden, scale_factor=gate.scale, mode="bilinear"), gate.weight, gate.bias, padding=1)
    s = torch.sigmoid(F.leaky_relu(a, slope))
    e = skip.repeat_interleave(len(x) // len(skip), dim=0)
    return s * F.interpolate(x, scale_factor=2.0, mode="bilinear") + (1 - s) * e


def example(clips: int = 2, steps: int = 3, scale: int = 4) -> tuple[Tensor, Tensor, UpsampledConv, Tensor]:
    """Maps of 8x8 pixels and 2 channels; the states are 8/scale pixels wide."""
    torch.manual_seed(0)

    def maps(n: int, channels: int, extent: int) -> Tensor:
        return torch.randn(n, channels, extent, extent, dtype=torch.float64).requires_grad_()

    gate = UpsampledConv(5, 2, scale).double()
    return maps(clips * steps, 2, 4), maps(clips * steps, 5, 8 // scale), gate, maps(clips, 2, 8)


@pytest.mark.parametrize("at_once", [1, 2, 3, 7, 100])  # frames
@pytest.mark.parametrize(("clips", "steps", "scale"), [(1, 1, 2), (2, 3, 4), (3, 1, 8), (5, 2, 4)])
def test_equals_the_formula(clips: int, steps: int, scale: int, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gating, "CHUNK", at_once * 2 * 8 * 8)
    x, hidden, gate, skip = example(clips, steps, scale)
    assert gate.bias is not None
    inputs = (x, hidden, skip, gate.weight, gate.bias)
    expected = plain(x, hidden, gate, skip, 0.2)
    slope = torch.randn_like(expected)
    wanted = torch.autograd.grad(expected, inputs, slope)
    result = gated_skip(x, hidden, gate, skip, 0.2)
    torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-12)
    assert result.is_contiguous(memory_format=torch.channels_last)
    for a, b in zip(torch.autograd.grad(result, inputs, slope), wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-10)


def test_gradient_by_finite_differences() -> None:
    x, hidden, gate, skip = example(2, 2)
    assert torch.autograd.gradcheck(lambda a, h, e: gated_skip(a, h, gate, e, 0.2), (x, hidden, skip))


def constant(value: float) -> tuple[Tensor, Tensor, UpsampledConv, Tensor]:
    """The example with the gate's a the same everywhere."""
    x, hidden, gate, skip = example()
    assert gate.bias is not None
    with torch.no_grad():
        gate.weight.zero_()
        gate.bias.fill_(value)
    return x, hidden, gate, skip


def test_extremes() -> None:
    x, hidden, gate, skip = constant(1e3)
    u = F.interpolate(x, scale_factor=2.0, mode="bilinear")
    torch.testing.assert_close(gated_skip(x, hidden, gate, skip, 0.2), u, rtol=0, atol=1e-12)  # s = 1: upsampled map
    x, hidden, gate, skip = constant(-1e4)
    e = skip.repeat_interleave(3, dim=0)
    assert torch.equal(gated_skip(x, hidden, gate, skip, 0.2), e)  # s = 0: the encoder's map


def test_hand_computed() -> None:
    """a = -5 ln 3 gives leakyReLU(a) = -ln 3 and s = 1/4: 8/4 + 4 * 3/4 = 5."""
    x, hidden, gate, skip = constant(-5 * torch.tensor(3.0, dtype=torch.float64).log().item())
    result = gated_skip(torch.full_like(x, 8.0), hidden, gate, torch.full_like(skip, 4.0), 0.2)
    torch.testing.assert_close(result, torch.full_like(result, 5.0), rtol=1e-12, atol=1e-12)
