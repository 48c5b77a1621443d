"""Independent draws from the space."""

from __future__ import annotations

from typing import Any

from tuning.search.samplers.base import RETRIES, History, generator, seen
from tuning.search.space import Space


class Random:
    """Uniform over each range (log-uniform where the kind is log); trial 0 is the data set's own configuration."""

    def __init__(self, space: Space, seed: int) -> None:
        self.space, self.seed = space, seed

    def propose(self, number: int, history: History) -> dict[str, Any] | None:
        """See `Sampler`."""
        if number == 0:
            return self.space.default()
        params: dict[str, Any] = {}
        for retry in range(RETRIES):
            draw = generator(self.seed, number, retry)
            params = self.space.decode({row.name: draw.random() for row in self.space.parameters})
            if not seen(params, history):
                break
        return params
