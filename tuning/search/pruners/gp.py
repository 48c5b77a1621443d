"""Successive halving by predicted ends instead of values at a rung.

Halving compares values at one step, however noisy they are and whether or not they say anything about the end. Here
trials are compared by where a Gaussian process over parameters and progress expects them to end, given the reports of
all trials (`tuning.search.samplers.curve_process`): a low value is forgiven where early values are noisy or where
similar configurations ended well.

A trial that reaches a rung early is compared with few others. Until `COMPLETE_TRIALS` trials are complete, it is
therefore compared again at each later report, and stopped if its predicted end is too low by more than one standard
deviation. Predictions change with every report, so that each trial in turn could fall behind trials that were stopped
before; a trial is therefore stopped only while one that may still become complete is ahead of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis.record.rows import TrialRow
from analysis.record.states import COMPLETE, FAILED, PRUNED
from tuning.search.pruners.base import Curves, SuccessiveHalving, geometric_rungs, step_at_rung
from tuning.search.samplers.base import SearchHistory, at_budget
from tuning.search.samplers.curve_data import curve_data, reports_of
from tuning.search.samplers.curve_process import fit, one_thread
from tuning.search.samplers.flat_space import FlatSpace
from tuning.search.samplers.gp import STARTUP
from tuning.search.space import Space

COMPLETE_TRIALS = 3  # from then on, trials are compared at rungs alone


class GPPruner:
    """At each rung of successive halving, continues the trials with the best predicted ends of those that reached it.

    There are no rungs after half of the budget: they save little, and what the process lacks most are complete trials.
    Until `COMPLETE_TRIALS` trials are complete, a trial is also compared with all that reached its last rung at every
    later report, where it is stopped only if its predicted end plus one standard deviation is too low; and it is not
    stopped unless a trial that was neither pruned nor failed is ahead, so that the last one becomes complete.

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
        known = bool(trials) and reported >= STARTUP and score.known
        if self.space is None or not known or score.violation or len(score.values) > 1:
            return self.halving.should_prune(key, step, curves)
        history = self._history(curves, trials)
        early = sum(trial.state == COMPLETE for trial in history.trials) < COMPLETE_TRIALS
        rungs, slack = self.halving.reached(curves[key], step), 0.0
        if not rungs and early:
            rungs, slack = self.halving.passed(curves[key])[-1:], 1.0
        if not rungs:
            return False
        ends = predicted_ends(history, self.space)
        if key not in ends:  # more trials than the process takes
            return self.halving.should_prune(key, step, curves)
        mean, spread = ends[key]
        ahead = {other for other, (end, _) in ends.items() if end > mean + slack * spread}
        if early and not any(trial.key in ahead and trial.state not in (PRUNED, FAILED) for trial in history.trials):
            return False
        for rung in rungs:
            rivals = {other for other in ends if step_at_rung(curves.get(other, ()), rung) is not None}
            if not self.halving.continues(len(ahead & rivals), len(rivals)):
                return True
        return False

    def _history(self, curves: Curves, trials: Sequence[TrialRow]) -> SearchHistory:
        values = {name: {at: score.values[0] for at, score in curve.items()} for name, curve in curves.items()}
        return SearchHistory([at_budget(trial, self.budget) for trial in trials], values, budget=self.budget)


def predicted_ends(history: SearchHistory, space: Space) -> dict[str, tuple[float, float]]:
    """{trial key: mean and standard deviation of its value at the full budget}, standardized, if it has reports."""
    reports = reports_of(history, len(history.trials))
    if not reports.trials:
        return {}
    with one_thread():
        ends = fit(curve_data(reports, FlatSpace(space))).ends()
    return {trial.key: (float(mean), float(sd)) for trial, mean, sd in zip(reports.trials, *ends, strict=True)}
