"""Asynchronous successive halving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis.record.rows import TrialRow
from tuning.search.pruners.base import Curves, SuccessiveHalving, geometric_rungs


class SuccessiveHalvingPruner:
    """Successive halving with rungs at `first`, `3 * first`, ... (see `SuccessiveHalving`)."""

    def __init__(self, budget: int, first: int) -> None:
        self.rungs = SuccessiveHalving(geometric_rungs(first, budget))

    def should_prune(
        self, key: str, step: int, curves: Curves, numbers: Mapping[str, int], trials: Sequence[TrialRow] = ()
    ) -> bool:
        """See `Pruner`."""
        return self.rungs.should_prune(key, step, curves)
