"""Pruners: each decides from the values on record whether a trial continues."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from amc.errors import UserError
from tuning.search.pruners.base import Curves, Pruner, SuccessiveHalving
from tuning.search.pruners.gp import GPPruner
from tuning.search.pruners.hyperband import HyperbandPruner
from tuning.search.pruners.none import NoPruner
from tuning.search.pruners.successive_halving import SuccessiveHalvingPruner
from tuning.search.space import Space

PRUNERS: Mapping[str, Callable[[int, int, Space | None], Pruner]] = {
    "halving": lambda budget, first, space: SuccessiveHalvingPruner(budget, first),
    "gp": GPPruner,
    "hyperband": lambda budget, first, space: HyperbandPruner(budget, first),
    "none": lambda budget, first, space: NoPruner(),
}


def create_pruner(name: str, budget: int, first: int, space: Space | None = None) -> Pruner:
    """Creates a pruner.

    Args:
        name: a key of `PRUNERS`.
        budget: training steps of a complete trial.
        first: step of the first rung; no trial is pruned before it.
        space: that the trials are drawn from, which `gp` learns from.

    Raises:
        UserError: the name is unknown.
    """
    if name not in PRUNERS:
        raise UserError(f"unknown pruner {name!r}: choose from {', '.join(PRUNERS)}")
    return PRUNERS[name](budget, first, space)


__all__ = ["PRUNERS", "Curves", "Pruner", "SuccessiveHalving", "create_pruner"]
