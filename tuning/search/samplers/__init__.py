"""Samplers: each proposes the parameters of trial `number` from the record's trials alone.

None keeps a state between two proposals. Whatever a sampler knows is computed again from the record, and what it draws
is seeded by the study's seed and the trial's number: a restarted study goes on as an undisturbed one would have, and
no proposal is a repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from amc.errors import UserError
from tuning.search.samplers.base import Sampler, SearchHistory
from tuning.search.samplers.cmaes import CmaEsSampler
from tuning.search.samplers.grid import GridSampler
from tuning.search.samplers.random import RandomSampler
from tuning.search.samplers.tpe import TPESampler
from tuning.search.space import Space

SAMPLERS: Mapping[str, Callable[[Space, int], Sampler]] = {
    "tpe": TPESampler,
    "random": RandomSampler,
    "cmaes": CmaEsSampler,
    "grid": GridSampler,
}


def create_sampler(name: str, space: Space, seed: int) -> Sampler:
    """The sampler called `name` for a space and a study's seed.

    Raises:
        UserError: there is none of that name, or it can't work on this space.
    """
    if name not in SAMPLERS:
        raise UserError(f"unknown sampler {name!r}: choose {', '.join(SAMPLERS)}")
    return SAMPLERS[name](space, seed)


__all__ = ["SAMPLERS", "Sampler", "SearchHistory", "create_sampler"]
