"""How frames that are computed one at a time meet in batch norm.

The networks of this package are written for one frame: a *path* is a coroutine that computes one frame (or one image)
and, wherever Appendix A says BN, yields (layer, input) and goes on with what it is sent back. `Norm.run` takes the
paths of all frames and answers them, in one of two ways that differ in the statistics alone (R10):

- `over_time=False`: each path runs to its end before the next one starts, so BN sees one frame of each clip in the
  mini-batch. This is the paper's text, "generated frame-by-frame".
- `over_time=True`: the paths advance together from BN to BN, and each BN layer is applied to all frames of all clips
  at once. This is reading R10, and what the production networks do in training.

In evaluation mode BN uses its running statistics, and the two are the same function.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

R = TypeVar("R")

Path = Generator[tuple[nn.Module, Tensor], Tensor, R]
"""Yields (BN layer, its input), is sent the normalised input, returns R."""


@dataclass(frozen=True)
class Norm:
    """The statistics that batch norm takes in training mode.

    Attributes:
        over_time: R10, see above.
        rows: R21. 1: one set of statistics for the mixed mini-batch (`mixed`); n: the mini-batch is n rows of Table 1
            or 2, all of one length, and each row has its own statistics, first row first (`per_row`).
    """

    over_time: bool = True
    rows: int = 1

    def run(self, paths: Sequence[Path[R]]) -> list[R]:
        """What the paths return, in their order."""
        if self.over_time:
            return self._in_step(paths)
        return [self._in_step([path])[0] for path in paths]

    def one(self, path: Path[R]) -> R:
        """What a single path returns."""
        return self._in_step([path])[0]

    def _in_step(self, paths: Sequence[Path[R]]) -> list[R]:
        results: list[R] = []
        answers: list[Tensor | None] = [None] * len(paths)
        while True:
            waiting = []
            for path, answer in zip(paths, answers, strict=True):
                try:
                    waiting.append(next(path) if answer is None else path.send(answer))
                except StopIteration as end:
                    results.append(end.value)
            if not waiting:
                return results
            layer = waiting[0][0]
            answers = [*self._normalise(layer, [x for _, x in waiting])]

    def _normalise(self, layer: nn.Module, frames: list[Tensor]) -> list[Tensor]:
        """One BN layer on its inputs (N, C, ...) at all frames."""
        of_rows = [[frame.chunk(self.rows)[row] for frame in frames] for row in range(self.rows)]
        done = []
        for parts in of_rows:
            stacked = layer(torch.cat(parts))
            done.append(stacked.split(len(parts[0])))
        return [torch.cat(rows) for rows in zip(*done, strict=True)]
