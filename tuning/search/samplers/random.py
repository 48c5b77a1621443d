"""Independent random draws from the space."""

from __future__ import annotations

from typing import Any

import numpy as np

from tuning.search.priors import quantile
from tuning.search.samplers.base import RETRIES, SearchHistory, is_repeat, random_generator
from tuning.search.space import Space


class RandomSampler:
    """Uniform over each range, log-uniform if the kind is log. Every other trial is drawn from the priors, if any.

    The first trials are those of `Space.starting_point`.
    """

    def __init__(self, space: Space, seed: int) -> None:
        self.space, self.seed = space, seed

    def propose(self, number: int, history: SearchHistory) -> dict[str, Any] | None:
        """See `Sampler`."""
        start = self.space.starting_point(number)
        if start is not None:
            return start
        params: dict[str, Any] = {}
        for retry in range(RETRIES):
            params = draw_params(self.space, number, random_generator(self.seed, number, retry))
            if not is_repeat(params, history):
                break
        return params


def draw_params(space: Space, number: int, draw: np.random.Generator) -> dict[str, Any]:
    """Random parameters of trial `number`: of an even trial from the priors, of an odd one from the whole space.

    With many parameters, a draw from all priors is always near the prior of some; if that is wrong, odd trials tell.
    """
    units = {row.name: draw.random() for row in space.parameters}
    if number % 2 == 0:
        units = {row.name: quantile(row, units[row.name]) for row in space.parameters}
    return space.decode(units)
