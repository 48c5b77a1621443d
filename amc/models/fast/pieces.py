"""Slices of a batch of maps whose gradients share one buffer, such as the frames of each video."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

#: (start, stop, clips): samples start to stop of the batch; clips > 0 splits them into so many clips of equal length.
Piece = tuple[int, int, int]


def pieces(x: Tensor, wanted: tuple[Piece, ...]) -> tuple[Tensor, ...]:
    """Views of parts of a channels-last batch, which may overlap.

    Equal to indexing, but the gradients are summed in one buffer with the layout of x. Autograd would create a
    zero-filled batch in another layout for each part and add those.

    Args:
        x: (N, C, H, W).
        wanted: the parts.

    Returns:
        for each part (stop - start, C, H, W), or (clips, frames, C, H, W).
    """
    views: tuple[Tensor, ...] = _Pieces.apply(x, wanted)  # type: ignore[no-untyped-call]
    return views


def _view(x: Tensor, piece: Piece) -> Tensor:
    start, stop, clips = piece
    part = x[start:stop]
    return part.unflatten(0, (clips, -1)) if clips else part


class _Pieces(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, wanted: tuple[Piece, ...]) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.wanted, ctx.like = wanted, (x.shape, x.dtype, x.device)
        return tuple(_view(x, piece) for piece in wanted)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        given = [(p, g) for p, g in zip(ctx.wanted, gradients, strict=True) if g is not None]
        if not given:
            return None, None
        shape, dtype, device = ctx.like
        total = torch.empty(shape, dtype=dtype, device=device, memory_format=torch.channels_last)
        # The longest part is written, the rest zeroed, all others added.
        given.sort(key=lambda pair: pair[0][0] - pair[0][1])
        (start, stop, _), _ = given[0]
        total[:start].zero_()
        total[stop:].zero_()
        for at, (piece, gradient) in enumerate(given):
            target = _view(total, piece)
            if at:
                target += gradient
            else:
                target.copy_(gradient)
        return total, None
