"""The decoder's gated skip connection (appendix A.1): s u + (1 - s) e with s = sigmoid(leakyReLU(conv(upsample(h)))).

Upsampling, gate and blend are one function that processes a few frames at a time and saves no map as large as its
result. At paper size these are the largest maps; recomputing them from the small ones, which fit in the cache, is
faster than storing and loading them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from amc.models.fast.upsampled_conv import UpsampledConv

#: Elements of a map that are processed at a time: on a CPU what fits in its cache, elsewhere fewer and larger kernels.
CHUNK, CHUNK_ELSEWHERE = 1 << 20, 1 << 26


def gated_skip(x: Tensor, hidden: Tensor, gate: UpsampledConv, skip: Tensor, slope: float) -> Tensor:
    """Upsamples x twice and blends the result with the encoder's maps.

    Args:
        x: (N * S, C, H / 2, W / 2), the decoder's maps; u is its bilinear upsampling.
        hidden: (N * S, C', H / k, W / k), the convLSTM's states h.
        gate: conv(upsample(.)) with k-fold upsampling, from C' to C channels.
        skip: (N, C, H, W), e: the same for the S frames of a clip.
        slope: of the leaky ReLU.

    Returns:
        (N * S, C, H, W), channels last.
    """
    mixed, vertical = gate.mixed(hidden)
    x, skip = (maps.to(mixed.dtype).contiguous(memory_format=torch.channels_last) for maps in (x, skip))
    result: Tensor = _GatedSkip.apply(x, mixed, skip, vertical, slope)  # type: ignore[no-untyped-call]
    return result


def _chunks(x: Tensor, skip: Tensor) -> Iterator[tuple[slice, slice]]:
    """Slices of x's frames that give so many elements, none over parts of two clips, and the clips of each."""
    clips, frames = len(skip), len(x) // len(skip)
    at_once = max(1, (CHUNK if x.device.type == "cpu" else CHUNK_ELSEWHERE) // skip[0].numel())
    if at_once >= frames:
        for clip in range(0, clips, at_once // frames):
            last = min(clips, clip + at_once // frames)
            yield slice(clip * frames, last * frames), slice(clip, last)
    else:
        for clip in range(clips):
            for frame in range(0, frames, at_once):
                last = min(frames, frame + at_once)
                yield slice(clip * frames + frame, clip * frames + last), slice(clip, clip + 1)


class _GatedSkip(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, mixed: Tensor, skip: Tensor, vertical: Tensor, slope: float) -> Tensor:
        output = x.new_empty(len(x), *skip.shape[2:], skip.shape[1])
        for frames, clips in _chunks(x, skip):
            s, u, e = _parts(x[frames], mixed[frames], skip[clips], vertical, slope)
            torch.lerp(e, u, s, out=output[frames].view(u.shape))
        ctx.save_for_backward(x, mixed, skip, vertical)
        ctx.slope = slope
        return output.permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, mixed, skip, vertical = ctx.saved_tensors
        grad = gradients[0].contiguous(memory_format=torch.channels_last)
        dx, dmixed, dskip = torch.empty_like(x), torch.empty_like(mixed), torch.zeros_like(skip)
        channels, height, width = skip.shape[1:]
        for frames, clips in _chunks(x, skip):
            s, u, e = _parts(x[frames], mixed[frames], skip[clips], vertical, ctx.slope)
            g = grad[frames].permute(0, 2, 3, 1).view(u.shape)
            du = g * s
            dskip[clips].add_((g - du).sum(1).view(-1, height, width, channels).permute(0, 3, 1, 2))
            # da = g (u - e) s (1 - s) leaky'(a), and a > 0 where s > 1/2.
            da = u.sub_(e).mul_(du)
            da.addcmul_(da, s, value=-1)
            torch.ops.aten.leaky_relu_backward.grad_input(da, s.sub_(0.5), ctx.slope, False, grad_input=da)
            da = da.view(-1, height, width * channels)
            torch.matmul(vertical.mT, da, out=dmixed[frames])
            du = du.view(-1, height, width, channels).permute(0, 3, 1, 2)
            dx[frames] = torch.ops.aten.upsample_bilinear2d_backward(du, [height, width], x[frames].shape, False)
        return dx, dmixed, dskip, None, None


def _parts(x: Tensor, mixed: Tensor, skip: Tensor, vertical: Tensor, slope: float) -> tuple[Tensor, Tensor, Tensor]:
    """s, u and e of some frames, (clips, frames, H W C) each, e with one frame for all. s and u are fresh."""
    clips, channels, height, width = skip.shape
    shape = (clips, len(x) // clips, height * width * channels)
    s = F.leaky_relu_(torch.matmul(vertical, mixed), slope).sigmoid_().view(shape)
    u = F.interpolate(x, scale_factor=2.0, mode="bilinear").permute(0, 2, 3, 1).reshape(shape)
    return s, u, skip.permute(0, 2, 3, 1).reshape(clips, 1, -1)
