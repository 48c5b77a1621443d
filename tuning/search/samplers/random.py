"""Independent random draws from the space."""

from __future__ import annotations

from typing import Any

from tuning.search.priors import drawn
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
        rows = self.space.parameters
        for retry in range(RETRIES):
            draw = random_generator(self.seed, number, retry)
            units = drawn(rows, [draw.random() for _ in rows], number)
            params = self.space.decode(dict(zip((row.name for row in rows), units, strict=True)))
            if not is_repeat(params, history):
                break
        return params
