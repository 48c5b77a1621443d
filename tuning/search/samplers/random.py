"""Independent random draws from the space."""

from __future__ import annotations

from typing import Any

from tuning.search.samplers.base import RETRIES, SearchHistory, is_repeat, random_generator
from tuning.search.space import Space


class RandomSampler:
    """Uniform over each range, log-uniform if the kind is log. Trial 0 is the base configuration."""

    def __init__(self, space: Space, seed: int) -> None:
        self.space, self.seed = space, seed

    def propose(self, number: int, history: SearchHistory) -> dict[str, Any] | None:
        """See `Sampler`."""
        if number == 0:
            return self.space.default()
        params: dict[str, Any] = {}
        for retry in range(RETRIES):
            draw = random_generator(self.seed, number, retry)
            params = self.space.decode({row.name: draw.random() for row in self.space.parameters})
            if not is_repeat(params, history):
                break
        return params
