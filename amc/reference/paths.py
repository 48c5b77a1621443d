"""Batch norm over frames that are computed one at a time.

The networks of this package are written for one frame. A *path* is a coroutine that computes one frame (or one image):
wherever Appendix A says BN, it yields (layer, input) and continues with the value that it is sent. `Norm.run` runs the
paths of all frames in one of two ways, which differ in the statistics only (R10):

- `over_time=False`: the paths run one after the other, so BN sees one frame of each clip in the mini-batch. This is
  the paper's text, "generated frame-by-frame".
- `over_time=True`: the paths advance together from BN to BN, and each BN layer is applied to all frames of all clips
  at once. This is reading R10, as in the production networks.

In evaluation mode BN uses its running statistics, and both ways are equal.
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
    """The statistics of batch norm in training mode.

    Attributes:
        over_time: R10, see above.
        rows: R21. 1: one set of statistics for the mixed mini-batch (`mixed`); n: the mini-batch is n rows of Table 1
            or 2, all of one length, and each row has its own statistics, first row first (`per_row`).
    """

    over_time: bool = True
    rows: int = 1

    def run(self, paths: Sequence[Path[R]]) -> list[R]:
        """The results of the paths, in order."""
        if self.over_time:
            return self._in_step(paths)
        return [self._in_step([path])[0] for path in paths]

    def one(self, path: Path[R]) -> R:
        """The result of one path."""
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
        """Applies one BN layer to its inputs (N, C, ...) at all frames."""
        of_rows = [[frame.chunk(self.rows)[row] for frame in frames] for row in range(self.rows)]
        done = []
        for parts in of_rows:
            stacked = layer(torch.cat(parts))
            done.append(stacked.split([len(part) for part in parts]))
        return [torch.cat(rows) for rows in zip(*done, strict=True)]
