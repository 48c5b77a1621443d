"""The loss terms, as in the paper's equations and the readings, for one row of a table at a time."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def gram_spatial(omega: Tensor) -> Tensor:
    """Eq. 2: omega (N, M) to omega' omega / NM, (M, M)."""
    n, m = omega.shape
    return omega.T @ omega / (n * m)


def gram_channel(omega: Tensor) -> Tensor:
    """The other setting of R1: omega omega' / NM, (N, N)."""
    n, m = omega.shape
    return omega @ omega.T / (n * m)


def gram_matrices(maps: Sequence[Tensor], gram: str) -> list[Tensor]:
    """G_j of each video of a batch.

    Args:
        maps: the j-th layer's maps (B, C, H, W) of each frame.
        gram: "spatial" or "channel" (R1).
    """
    matrix = {"spatial": gram_spatial, "channel": gram_channel}[gram]
    # Channels of all frames stacked: N = T C rows, M = H W columns.
    return [matrix(torch.cat([frame[clip].flatten(1) for frame in maps])) for clip in range(len(maps[0]))]


def perceptual_distance(first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
    """d_j (Eq. 1) between the videos of a batch, given their Gram matrices: (B,)."""
    return torch.stack([torch.linalg.matrix_norm(a - b, ord="fro") for a, b in zip(first, second, strict=True)])


def hinge(d_plus: Tensor, d_minus: Tensor, rho: float) -> Tensor:
    """One term of Eq. 3, mean over the batch."""
    return torch.clamp(rho - d_minus + d_plus, min=0).mean()


def generator_gain(s: Tensor, kind: str) -> Tensor:
    """Maximised by the generator for the scores of its video: log(s) (line 14), or -log(1 - s) (Eq. 5, R23)."""
    return {"non_saturating": log_likelihood(s, 1.0), "saturating": -log_likelihood(s, 0.0)}[kind]


def log_likelihood(s: Tensor, label: float) -> Tensor:
    """label log(s) + (1 - label) log(1 - s), mean over the batch: log(s) for real, log(1 - s) for fake (line 7)."""
    return -F.binary_cross_entropy(s, torch.full_like(s, label))


def class_loss(y: Tensor, predicted: Tensor) -> Tensor:
    """- sum_i y_i log l_i (line 9), mean over the batch; both (B, c), one-hot and probabilities."""
    return -(y * torch.log(predicted)).sum(dim=1).mean()


def velocity_loss(y: Sequence[Tensor], predicted: Sequence[Tensor], reduction: str) -> Tensor:
    """Squared error of (B, 2k) at each step, mean over the batch.

    Args:
        reduction: "mean" over time and coordinates, or their "sum", the squared norm of line 9 (R5).
    """
    norms = torch.stack([((a - b) ** 2).sum(dim=1) for a, b in zip(y, predicted, strict=True)]).sum(dim=0)
    terms = {"mean": len(y) * y[0].shape[1], "sum": 1}[reduction]
    return norms.mean() / terms


def reconstruction_loss(x: Sequence[Tensor], generated: Sequence[Tensor], reduction: str) -> Tensor:
    """Line 15, mean over the batch: |.|_1 of a frame is a mean over pixels and channels (R4).

    Args:
        x, generated: (B, 3, H, W) of each frame.
        reduction: "sum_frames" as printed, or "mean" over the frames too.
    """
    of_frames = torch.stack([(a - b).abs().mean() for a, b in zip(x, generated, strict=True)])
    return {"sum_frames": of_frames.sum, "mean": of_frames.mean}[reduction]()
