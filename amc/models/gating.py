"""The decoder's gated skip connection (appendix A.1): s u + (1 - s) e with s = sigmoid(leakyReLU(a)).

Written as one function with its own backward pass, clip by clip: the maps of a whole mini-batch don't fit a CPU's
cache, those of one clip do, and at small sizes this elementwise work would cost more than the convolutions.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def gated_skip(gate: Tensor, upsampled: Tensor, skip: Tensor, slope: float) -> Tensor:
    """Blends upsampled maps with the encoder's.

    Args:
        gate: (N * S, C, H, W), a: what the gate's convolution gives, before leaky ReLU and sigmoid. Overwritten.
        upsampled: (N * S, C, H, W), u.
        skip: (N, C, H, W), e: the same for the S frames of a clip.
        slope: of the leaky ReLU.

    Returns:
        (N * S, C, H, W), channels last.
    """
    n, c, h, w = upsampled.shape
    parts = (_rows(x, len(skip)) for x in (gate, upsampled, skip))
    flat: Tensor = _GatedSkip.apply(*parts, slope)  # type: ignore[no-untyped-call]
    return flat.view(n, h, w, c).permute(0, 3, 1, 2)


def _rows(x: Tensor, clips: int) -> Tensor:
    """(clips * S, C, H, W) to (clips, S, H W C), a view of channels-last maps."""
    return x.permute(0, 2, 3, 1).reshape(clips, x.shape[0] // clips, -1)


class _GatedSkip(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate: Tensor, upsampled: Tensor, skip: Tensor, slope: float) -> Tensor:
        output = torch.empty_like(upsampled)
        for a, u, e, out in zip(gate, upsampled, skip, output, strict=True):
            F.leaky_relu_(a, slope).sigmoid_()
            torch.lerp(e, u, a, out=out)
        ctx.save_for_backward(gate, upsampled, skip)
        ctx.slope = slope
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        weight, upsampled, skip = ctx.saved_tensors
        grad = gradients[0].contiguous()
        dgate, dup, dskip = torch.empty_like(weight), torch.empty_like(upsampled), torch.empty_like(skip)
        one, slope = weight.new_ones(()), weight.new_tensor(ctx.slope)
        for s, u, e, g, da, du, de in zip(weight, upsampled, skip, grad, dgate, dup, dskip, strict=True):
            torch.mul(g, s, out=du)
            torch.sum(g - du, 0, keepdim=True, out=de)
            # da = g (u - e) s (1 - s) leaky'(a), and a > 0 where s > 1/2.
            torch.sub(u, e, out=da).mul_(du)
            da.addcmul_(da, s, value=-1)
            da.mul_(torch.where(s > 0.5, one, slope))
        return dgate, dup, dskip, None
