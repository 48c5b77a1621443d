"""Perceptual distance between videos by Gram matrices of a discriminator's maps (Eqs. 1 and 2)."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from amc.models.precision import full_precision


def gram(maps: Tensor, kind: Literal["spatial", "channel"] = "spatial") -> Tensor:
    """Gram matrix of a video's maps at one layer.

    Args:
        maps: (B, T, C, H, W).
        kind: R1. `spatial` is Eq. 2 as printed, omega' omega / NM with omega (N, M), N = T C, M = H W, so (B, M, M);
            `channel` is omega omega' / NM, (B, N, N), as in style transfer.

    Returns:
        (B, M, M) or (B, N, N).
    """
    b, t, c, h, w = maps.shape
    omega = maps.permute(0, 3, 4, 1, 2).reshape(b, h * w, t * c)  # transposed: what channels-last maps are in memory
    # Full precision always: a distance is a small difference of these.
    omega = omega.to(torch.promote_types(omega.dtype, torch.float32))
    with full_precision(omega):
        product: Tensor = _Products.apply(omega if kind == "spatial" else omega.mT)  # type: ignore[no-untyped-call]
    return product / (t * c * h * w)


class _Products(torch.autograd.Function):
    """X X' for each X of a batch (B, m, n), with one product in the backward pass instead of autograd's two."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x @ x.mT

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor]:
        (x,) = ctx.saved_tensors
        return ((gradients[0] + gradients[0].mT) @ x,)


def distance(first: Tensor, second: Tensor) -> Tensor:
    """d_j (Eq. 1): Frobenius norm of the difference of two Gram matrices, (B, M, M) to (B,).

    The square root has no slope at zero; there the gradient is taken as zero.
    """
    square = (first - second).square().sum((1, 2))
    positive = square > 0
    return torch.where(
        positive, torch.where(positive, square, torch.ones_like(square)).sqrt(), torch.zeros_like(square)
    )
