"""CMA-ES, with its state recomputed from the finished trials on record.

Optuna's own sampler stores a pickled optimiser. Here every `population_size` finished trials, in the order of their
numbers, form one generation, whatever proposed them; replaying the generations gives the same state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tuning.search.samplers.base import RETRIES, SearchHistory, is_repeat, random_generator
from tuning.search.space import Space

if TYPE_CHECKING:
    from cmaes import CMA  # type: ignore[import-untyped]  # ships no types

SIGMA = 0.2  # of the unit interval, at the start


class CmaEsSampler:
    """CMA-ES on the unit cube. It starts at the base configuration, or at the values of the priors where there are any.

    A parameter that is inactive in a trial has its starting value. Only ranks matter (`analysis.record.ranking`), so
    several objectives and constraints are possible, and pruned trials take part, ranked behind those that went further.
    """

    def __init__(self, space: Space, seed: int) -> None:
        self.space, self.seed = space, seed
        values = space.base.flat() | space.with_priors()
        self.start = {row.name: row.to_unit(row.clip(values[row.name])) for row in space.parameters}

    def propose(self, number: int, history: SearchHistory) -> dict[str, Any] | None:
        """See `Sampler`."""
        start = self.space.starting_point(number)
        if start is not None:
            return start
        params: dict[str, Any] = {}
        for retry in range(RETRIES):
            optimizer = self._optimizer(history)
            # The draw must depend on the proposal; a recomputed optimiser would always start its sequence anew.
            optimizer.reseed_rng(int(random_generator(self.seed, number, retry).integers(2**31)))
            point = optimizer.ask()
            units = {row.name: float(unit) for row, unit in zip(self.space.parameters, point, strict=False)}
            params = self.space.decode(units)
            if not is_repeat(params, history):
                break
        return params

    def _optimizer(self, history: SearchHistory) -> CMA:
        from cmaes import CMA  # imports scipy.stats, which is slow and which other samplers do not need

        rows = self.space.parameters
        start = [self.start[row.name] for row in rows]
        # CMA-ES needs two dimensions; a second one without effect does no harm.
        start += [0.5] * (2 - len(start))
        bounds = np.tile([0.0, 1.0], (len(start), 1))
        optimizer = CMA(mean=np.asarray(start), sigma=SIGMA, bounds=bounds, seed=abs(self.seed) % 2**31)
        rank = history.ranks
        finished = [trial for trial in history.known if trial.key in rank]
        size = optimizer.population_size
        for first in range(0, len(finished) - size + 1, size):
            if optimizer.should_stop():
                break
            generation = []
            for trial in finished[first : first + size]:
                units = [_unit(row, trial.params.get(row.name), self.start[row.name]) for row in rows]
                units += [0.5] * (len(start) - len(units))
                generation.append((np.asarray(units), float(rank[trial.key])))
            optimizer.tell(generation)
        return optimizer


def _unit(row: Any, value: Any, start: float) -> float:
    return start if value is None else float(min(max(row.to_unit(row.clip(value)), 0.0), 1.0))
