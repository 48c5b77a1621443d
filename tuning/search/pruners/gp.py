"""Successive halving by predicted ends instead of values at a rung.

Halving compares values at one step, however noisy they are and whether or not they say anything about the end. Here
trials are compared by where a Gaussian process over parameters and progress expects them to end, given the reports of
all trials (`tuning.search.samplers.curve_process`): a low value is forgiven where early values are noisy or where
similar configurations ended well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis.record.rows import TrialRow
from tuning.search.pruners.base import Curves, SuccessiveHalving, geometric_rungs, step_at_rung
from tuning.search.samplers.base import SearchHistory, at_budget
from tuning.search.samplers.curve_data import curve_data, reports_of
from tuning.search.samplers.curve_process import fit
from tuning.search.samplers.flat_space import FlatSpace
from tuning.search.samplers.gp import STARTUP
from tuning.search.space import Space


class GPPruner:
    """At each rung of successive halving, continues the trials with the best predicted ends of those that reached it.

    There are no rungs after half of the budget: they save little, and what the process lacks most are complete trials.
    It decides as halving does until `STARTUP` trials have reported, if there are several objectives or the trial
    violates a constraint, and if only reports are known.
    """

    def __init__(self, budget: int, first: int, space: Space | None = None) -> None:
        self.halving = SuccessiveHalving(tuple(rung for rung in geometric_rungs(first, budget) if 2 * rung <= budget))
        self.space = space
        self.budget = None if space is None or space.searches_steps else budget

    def should_prune(
        self, key: str, step: int, curves: Curves, numbers: Mapping[str, int], trials: Sequence[TrialRow] = ()
    ) -> bool:
        """See `Pruner`."""
        score, reported = curves[key][step], sum(bool(curve) for curve in curves.values())
        if self.space is None or reported < STARTUP or not score.known or score.violation or len(score.values) > 1:
            return self.halving.should_prune(key, step, curves)
        rungs = self.halving.reached(curves[key], step)
        if not rungs:
            return False
        ends = self._predicted_ends(curves, trials, self.space)
        if key not in ends:  # more trials than the process takes
            return self.halving.should_prune(key, step, curves)
        for rung in rungs:
            rivals = [end for other, end in ends.items() if step_at_rung(curves.get(other, ()), rung) is not None]
            if not self.halving.continues(sum(end > ends[key] for end in rivals), len(rivals)):
                return True
        return False

    def _predicted_ends(self, curves: Curves, trials: Sequence[TrialRow], space: Space) -> dict[str, float]:
        """{trial key: expected value at the full budget}, standardized, of trials with reports."""
        values = {name: {at: score.values[0] for at, score in curve.items()} for name, curve in curves.items()}
        known = [at_budget(trial, self.budget) for trial in trials]
        reports = reports_of(SearchHistory(known, values, budget=self.budget), len(known))
        if not reports.trials:
            return {}
        mean, _ = fit(curve_data(reports, FlatSpace(space))).ends()
        return dict(zip((trial.key for trial in reports.trials), mean.tolist(), strict=True))
