"""Asynchronous successive halving."""

from __future__ import annotations

from collections.abc import Mapping

from tuning.search.pruners.base import Curves, Rungs, geometric


class Halving:
    """Rungs from `first` on, each three times the one before it."""

    def __init__(self, budget: int, first: int) -> None:
        self.rungs = Rungs(geometric(first, budget))

    def prune(self, key: str, step: int, curves: Curves, numbers: Mapping[str, int]) -> bool:
        """See `Pruner`."""
        return self.rungs.prune(key, step, curves)
