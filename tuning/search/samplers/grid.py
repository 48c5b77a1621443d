"""Every combination of a few values of each parameter, once."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

from amc.errors import UserError
from tuning.search.samplers.base import SearchHistory, is_repeat, random_generator
from tuning.search.space import Space

POINTS = 3  # per range: both ends and the middle
MAX_POINTS = 100_000


class GridSampler:
    """A grid in an order shuffled by the study's seed. The first trials are those of `Space.starting_point`.

    Raises:
        UserError: the grid is too large.
    """

    def __init__(self, space: Space, seed: int) -> None:
        self.space = space
        axes = [row.grid(POINTS) for row in space.parameters]
        size = math.prod(len(axis) for axis in axes)
        if size > MAX_POINTS:
            raise UserError(
                f"a grid over this space has {size:,} points (at most {MAX_POINTS:,} are allowed): "
                "search fewer parameters (--space FILE) or choose another --sampler"
            )
        # Combinations that differ only in inactive parameters are the same.
        rows: dict[str, dict[str, Any]] = {}
        for values in itertools.product(*axes):
            chosen = dict(zip((row.name for row in space.parameters), values, strict=True))
            params = {row.name: chosen[row.name] for row in space.active(chosen)}
            rows.setdefault(json.dumps(params, sort_keys=True), params)
        self.rows = list(rows.values())
        random_generator(seed, 0).shuffle(self.rows)

    def propose(self, number: int, history: SearchHistory) -> dict[str, Any] | None:
        """See `Sampler`; None if all combinations have been proposed."""
        start = self.space.starting_point(number)
        if start is not None:
            return start
        return next((row for row in self.rows if not is_repeat(row, history)), None)
