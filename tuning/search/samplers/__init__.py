"""Samplers: each proposes the parameters of a trial from the trials on record.

A sampler has no state. Each proposal is computed from the record and seeded by the study's seed and the trial's number,
so a restarted study proposes what an uninterrupted one would have proposed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from amc.errors import UserError
from tuning.search.samplers.base import Sampler, SearchHistory
from tuning.search.samplers.cmaes import CmaEsSampler
from tuning.search.samplers.gp import GPSampler
from tuning.search.samplers.grid import GridSampler
from tuning.search.samplers.random import RandomSampler
from tuning.search.samplers.tpe import TPESampler
from tuning.search.space import Space

SAMPLERS: Mapping[str, Callable[[Space, int], Sampler]] = {
    "tpe": TPESampler,
    "gp": GPSampler,
    "random": RandomSampler,
    "cmaes": CmaEsSampler,
    "grid": GridSampler,
}


def create_sampler(name: str, space: Space, seed: int) -> Sampler:
    """Creates a sampler.

    Args:
        name: a key of `SAMPLERS`.
        seed: of the study.

    Raises:
        UserError: the name is unknown, or the sampler cannot be used on this space.
    """
    if name not in SAMPLERS:
        raise UserError(f"unknown sampler {name!r}: choose from {', '.join(SAMPLERS)}")
    return SAMPLERS[name](space, seed)


__all__ = ["SAMPLERS", "Sampler", "SearchHistory", "create_sampler"]
