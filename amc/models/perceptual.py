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
    omega = _omega(maps, kind)
    with full_precision(omega):
        product: Tensor = _Products.apply(omega)  # type: ignore[no-untyped-call]
    return product / maps[0].numel()


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


def _omega(maps: Tensor, kind: Literal["spatial", "channel"]) -> Tensor:
    """The matrix whose rows' products make up the Gram matrix: (B, M, N) or (B, N, M)."""
    b, t, c, h, w = maps.shape
    omega = maps.permute(0, 3, 4, 1, 2).reshape(b, h * w, t * c)  # transposed: what channels-last maps are in memory
    # Full precision always: a distance is a small difference of these.
    omega = omega.to(torch.promote_types(omega.dtype, torch.float32))
    return omega if kind == "spatial" else omega.mT


def distance(first: Tensor, second: Tensor) -> Tensor:
    """d_j (Eq. 1): Frobenius norm of the difference of two Gram matrices, (B, M, M) to (B,).

    The gradient at zero, where the square root has none, is zero.
    """
    square = (first - second).square().sum((1, 2))
    positive = square > 0
    return torch.where(
        positive, torch.where(positive, square, torch.ones_like(square)).sqrt(), torch.zeros_like(square)
    )


def distance_to(reference: Tensor, maps: Tensor, kind: Literal["spatial", "channel"] = "spatial") -> Tensor:
    """`distance(reference, gram(maps, kind))`, (B,), in fewer passes over the matrices.

    The gradient of the norm of a symmetric matrix is symmetric, so one product suffices for the maps. `reference` has
    a gradient too: with batch norm over a mixed mini-batch, even a real video's maps depend on the generated ones.
    """
    omega = _omega(maps, kind)
    with full_precision(omega):
        result: Tensor = _DistanceTo.apply(omega, reference, maps[0].numel())  # type: ignore[no-untyped-call]
    return result


class _DistanceTo(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, omega: Tensor, reference: Tensor, size: int) -> Tensor:
        difference = (omega @ omega.mT).div_(size).sub_(reference)  # as in `gram`: equal maps have no distance at all
        norm: Tensor = torch.linalg.vector_norm(difference, dim=(1, 2))
        ctx.save_for_backward(omega, difference, norm)
        ctx.size = size
        return norm

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        omega, difference, norm = ctx.saved_tensors
        positive = norm > 0
        scale = torch.where(positive, gradients[0] / torch.where(positive, norm, 1.0), 0.0)[:, None, None]
        domega = (difference @ omega).mul_(scale * (2 / ctx.size))
        return domega, difference * -scale if ctx.needs_input_grad[1] else None, None
