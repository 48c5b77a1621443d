"""Pruners: each decides from the values on record alone whether a trial goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from amc.errors import UserError
from tuning.search.pruners.base import Curves, Pruner, Rungs
from tuning.search.pruners.halving import Halving
from tuning.search.pruners.hyperband import Hyperband
from tuning.search.pruners.never import Never

PRUNERS: Mapping[str, Callable[[int, int], Pruner]] = {"halving": Halving, "hyperband": Hyperband, "none": Never}


def pruner(name: str, budget: int, first: int) -> Pruner:
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


__all__ = ["PRUNERS", "Curves", "Pruner", "Rungs", "pruner"]
