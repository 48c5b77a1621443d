"""Batch normalisation over a mini-batch that mixes the rows of Tables 1 and 2 (R10, R21).

Some rows of a table share a clip or an image up to a late layer: rows 1 and 2 of Table 2 are the same video until
Dm's last head. Such a clip goes through the network once, and batch norm counts it as often as it occurs, so that
outputs and gradients equal those of the full batch.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Sizes along the first dimension of the groups of a batch, each with the number of table rows it stands for.
Rows = tuple[tuple[int, int], ...]

_DIMENSIONS = (2, 4)


def times(rows: Rows, factor: int) -> Rows:
    """The same groups after each sample became `factor` of them (a clip its frames)."""
    return tuple((size * factor, count) for size, count in rows)


class RowBatchNorm(nn.BatchNorm2d):
    """Batch norm of (N, C) or (N, C, H, W) whose batch is made of groups that stand for several rows each.

    Args:
        channels: C.
        mode: `mixed` takes one set of statistics over all rows of the mini-batch; `per_row` takes each row's own (R21).

    Running statistics, which only evaluation reads, are those of the written-out batch but for the order in which rows
    are taken in under `per_row`, and for the factor n / (n - 1) of the variance where all groups count equally.
    """

    def __init__(self, channels: int, mode: Literal["mixed", "per_row"] = "mixed") -> None:
        super().__init__(channels)
        self.mode = mode

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in _DIMENSIONS:
            raise ValueError(f"expected 2 or 4 dimensions, got {input.dim()}")

    def forward(self, input: Tensor, rows: Rows | None = None) -> Tensor:
        """Normalises `input`; `rows` (training only) lists its groups in order. None: one group, counted once."""
        if not self.training or rows is None or len(rows) == 1:
            return super().forward(input)
        if sum(size for size, _ in rows) != input.shape[0]:
            raise ValueError(f"the groups {rows} do not add up to a batch of {input.shape[0]}")
        if self.mode == "per_row":
            return torch.cat([self._group(part, count) for part, count in _parts(input, rows)])
        if len({count for _, count in rows}) == 1:
            return super().forward(input)
        assert self.running_mean is not None
        assert self.running_var is not None
        output, mean, variance = _MixedNorm.apply(input, self.weight, self.bias, rows, self.eps)  # type: ignore[no-untyped-call]
        n = sum(size * count for size, count in rows) * input[0, 0].numel()
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum or 0.0)
            self.running_var.lerp_(variance * (n / max(n - 1, 1)), self.momentum or 0.0)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked.add_(1)
        return output  # type: ignore[no-any-return]

    def _group(self, part: Tensor, count: int) -> Tensor:
        output = super().forward(part)
        if count > 1:  # the row occurs again: the running statistics see it again
            with torch.no_grad():
                for _ in range(count - 1):
                    super().forward(part.detach())
        return output


def _statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of each channel, (C,) each, in float32 at least."""
    if x.is_meta:  # shapes alone, for counting
        return x.new_empty(x.shape[1]), x.new_empty(x.shape[1])
    # Batch norm's own reduction: several times quicker than `torch.var_mean` on channels-last maps.
    wide = torch.promote_types(x.dtype, torch.float32)
    running = [x.new_zeros(x.shape[1], dtype=wide) for _ in range(2)]
    # What it returns, not what it leaves in its arguments: a compiler knows nothing of that.
    mean, variance = torch.batch_norm_update_stats(x, running[0], running[1], 1.0)
    return mean, variance


@lru_cache(maxsize=256)
def _shares(rows: Rows, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(groups, 1): each group's part of all samples. Made where it is used: a graph can't hold a copy from the host."""
    total = sum(size * count for size, count in rows)
    with torch.inference_mode(False):
        parts = [torch.full((1, 1), size * count / total, dtype=dtype, device=device) for size, count in rows]
        return torch.cat(parts)


def _parts(x: Tensor, rows: Rows) -> list[tuple[Tensor, int]]:
    return [(part, count) for part, (_, count) in zip(x.split([size for size, _ in rows]), rows, strict=True)]


class _MixedNorm(torch.autograd.Function):
    """Batch norm with weighted statistics; returns (output, mean, biased variance)."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, rows: Rows, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        pixels = x[0, 0].numel()
        total = sum(size * count for size, count in rows) * pixels
        means, variances = zip(*(_statistics(part) for part, _ in _parts(x, rows)), strict=True)
        share, of_group = _shares(rows, means[0].dtype, x.device), torch.stack(means)
        mean = (share * of_group).sum(0)
        variance = (share * (torch.stack(variances) + (of_group - mean).square())).sum(0)
        ctx.save_for_backward(x, weight, mean, variance)
        ctx.rows, ctx.eps, ctx.total = rows, eps, total
        output = F.batch_norm(x, mean, variance, weight, bias, False, 0.0, eps)
        ctx.mark_non_differentiable(mean, variance)
        return output, mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, variance = ctx.saved_tensors
        gx, gweight, gbias = torch.ops.aten.native_batch_norm_backward(
            gradients[0], x, weight, mean, variance, None, None, False, ctx.eps, [True, True, True]
        )
        # With statistics held fixed gx is g * weight / sigma. What mean and variance pass on falls on each element
        # in proportion to how often its row counts.
        scale = weight * (variance + ctx.eps).rsqrt() / ctx.total
        slope = -scale * gweight * (variance + ctx.eps).rsqrt()
        offset = -scale * gbias - slope * mean
        zero, one = torch.zeros_like(mean), torch.ones_like(mean)
        start = 0
        for size, count in ctx.rows:
            part = slice(start, start + size)
            # x * slope + offset of each channel, by the one kernel made for it.
            gx[part].add_(F.batch_norm(x[part], zero, one, slope * count, offset * count, False, 0.0, 0.0))
            start += size
        return gx, gweight, gbias, None, None
