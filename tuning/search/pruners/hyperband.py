"""Hyperband: several successive halvings that begin at different steps, each with its own trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis.record.rows import TrialRow
from tuning.search.pruners.base import ETA, Curves, SuccessiveHalving, geometric_rungs


class HyperbandPruner:
    """Asynchronous Hyperband (Li et al. 2018), with brackets from "prune at the first rung" to "never prune".

    Brackets that prune early get more trials, so that each bracket spends about the same number of steps. The bracket
    of a trial follows from its number alone, so it is the same after a restart.
    """

    def __init__(self, budget: int, first: int) -> None:
        rungs = geometric_rungs(first, budget)
        self.brackets = tuple(SuccessiveHalving(rungs[start:]) for start in range(len(rungs) + 1))
        last = len(self.brackets) - 1
        # Hyperband's n_s = ceil((s_max + 1) / (s + 1) * eta^s) for s = last ... 0.
        counts = [-(-(last + 1) * ETA**s // (s + 1)) for s in range(last, -1, -1)]
        # In one round each bracket gets its count of trials, evenly interleaved.
        turns = [((place + 0.5) / count, index) for index, count in enumerate(counts) for place in range(count)]
        self.round = tuple(index for _, index in sorted(turns))

    def bracket(self, number: int) -> int:
        """The bracket of trial `number`; bracket 0 prunes from the first rung on."""
        return self.round[number % len(self.round)]

    def should_prune(
        self, key: str, step: int, curves: Curves, numbers: Mapping[str, int], trials: Sequence[TrialRow] = ()
    ) -> bool:
        """See `Pruner`; a trial is compared with the trials of its own bracket."""
        mine = self.bracket(numbers[key])
        same = {other: curve for other, curve in curves.items() if self.bracket(numbers[other]) == mine}
        return self.brackets[mine].should_prune(key, step, same)
