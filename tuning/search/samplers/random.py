"""Independent random draws from the space."""

from __future__ import annotations

from typing import Any

from tuning.search.priors import quantile
from tuning.search.samplers.base import RETRIES, SearchHistory, is_repeat, random_generator
from tuning.search.space import Space


class RandomSampler:
    """Draws from the priors; without a prior uniform over the range, or log-uniform if the kind is log.

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
            draw = random_generator(self.seed, number, retry)
            params = self.space.decode({row.name: quantile(row, draw.random()) for row in self.space.parameters})
            if not is_repeat(params, history):
                break
        return params
