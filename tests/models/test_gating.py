"""The element-wise gate: s u + (1 - s) e (appendix A.1)."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from amc.models.gating import gated_skip


def plain(gate: Tensor, up: Tensor, skip: Tensor, slope: float) -> Tensor:
    s = torch.sigmoid(F.leaky_relu(gate, slope))
    e = skip.repeat_interleave(gate.shape[0] // skip.shape[0], dim=0)
    return s * up + (1 - s) * e


def example(clips: int = 2, steps: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)

    def maps(n: int) -> Tensor:
        x = torch.randn(n, 2, 3, 2, dtype=torch.float64)
        return x.contiguous(memory_format=torch.channels_last).requires_grad_()

    return maps(clips * steps), maps(clips * steps), maps(clips)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (3, 1)])
def test_equals_the_formula(shape: tuple[int, int]) -> None:
    gate, up, skip = example(*shape)
    expected = plain(gate, up, skip, 0.2)
    slope = torch.randn_like(expected)
    wanted = torch.autograd.grad(expected, (gate, up, skip), slope)
    # The gate is overwritten, so it gets a copy that is not a leaf.
    result = gated_skip(gate * 1.0, up, skip, 0.2)
    torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-12)
    for a, b in zip(torch.autograd.grad(result, (gate, up, skip), slope), wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-8)


def test_gradient_by_finite_differences() -> None:
    gate, up, skip = example(2, 2)
    assert torch.autograd.gradcheck(lambda a, u, e: gated_skip(a * 1.0, u, e, 0.2), (gate, up, skip))


def test_extremes() -> None:
    _, up, skip = example()
    e = skip.repeat_interleave(3, dim=0)
    open_gate, shut_gate = torch.full_like(up, 1e3), torch.full_like(up, -1e4)
    assert torch.equal(gated_skip(open_gate, up, skip, 0.2), up)  # s = 1: the upsampled map
    assert torch.equal(gated_skip(shut_gate, up, skip, 0.2), e)  # s = 0: the encoder's map


def test_hand_computed() -> None:
    """a = -ln 3 / 0.2 gives s = 1/4: 8/4 + 4 * 3/4 = 5."""
    a = torch.full((1, 1, 1, 1), 3.0, dtype=torch.float64).log() / -0.2
    one = torch.ones(1, 1, 1, 1, dtype=torch.float64)
    assert gated_skip(a, 8 * one, 4 * one, 0.2).item() == pytest.approx(5.0, rel=1e-12)
