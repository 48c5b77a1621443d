"""Pruners: each decides from the values on record alone whether a trial goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from amc.errors import UserError
from tuning.search.pruners.base import Curves, Pruner, SuccessiveHalving
from tuning.search.pruners.hyperband import HyperbandPruner
from tuning.search.pruners.nop import NopPruner
from tuning.search.pruners.successive_halving import SuccessiveHalvingPruner

PRUNERS: Mapping[str, Callable[[int, int], Pruner]] = {
    "halving": SuccessiveHalvingPruner,
    "hyperband": HyperbandPruner,
    "none": NopPruner,
}


def create_pruner(name: str, budget: int, first: int) -> Pruner:
    """The pruner called `name`.

    Args:
        budget: steps of a complete trial.
        first: the first rung: no trial is pruned before it.

    Raises:
        UserError: there is none of that name.
    """
    if name not in PRUNERS:
        raise UserError(f"unknown pruner {name!r}: choose {', '.join(PRUNERS)}")
    return PRUNERS[name](budget, first)


__all__ = ["PRUNERS", "Curves", "Pruner", "SuccessiveHalving", "create_pruner"]
