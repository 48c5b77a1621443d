"""Prunes trials that, by a Gaussian process over parameters and progress, are unlikely to end above the best one.

Halving compares values at one step, and stops two thirds of all trials there, whether early values say anything about
the end or not. Here what early values say is learnt (`tuning.search.samplers.curve_process`). Automatic termination by
the probability of improvement is as in Swersky et al. 2014 ("Freeze-thaw") and Domhan et al. 2015.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis.record.rows import TrialRow
from analysis.record.states import COMPLETE
from tuning.search.pruners.base import Curves, SuccessiveHalving, geometric_rungs, step_at_rung
from tuning.search.samplers.base import SearchHistory, at_budget
from tuning.search.samplers.curve_data import curve_data, reports_of
from tuning.search.samplers.curve_process import fit
from tuning.search.samplers.flat_space import FlatSpace
from tuning.search.samplers.gp import STARTUP
from tuning.search.space import Space

LEAST = 0.1  # probability of ending above the best trial; below it, a trial is pruned
BETWEEN = 3**0.5  # ratio of consecutive steps at which a trial may be stopped


class GPPruner:
    """Prunes trials whose probability of ending above the best complete trial is below `LEAST`.

    It decides as halving does until a trial is complete (otherwise each new trial could end all before it) and
    `STARTUP` trials have reported, if there are several objectives or the trial violates a constraint, and if only
    reports are known.
    """

    def __init__(self, budget: int, first: int, space: Space | None = None) -> None:
        self.halving = SuccessiveHalving(geometric_rungs(first, budget))
        self.steps = tuple(first * BETWEEN**power for power in range(64) if first * BETWEEN**power < budget)
        self.space = space
        self.budget = None if space is None or space.searches_steps else budget

    def should_prune(
        self, key: str, step: int, curves: Curves, numbers: Mapping[str, int], trials: Sequence[TrialRow] = ()
    ) -> bool:
        """See `Pruner`."""
        score = curves[key][step]
        trials = [at_budget(trial, self.budget) for trial in trials]
        known = sum(bool(curve) for curve in curves.values()) >= STARTUP
        known = known and any(trial.state == COMPLETE and not trial.violation for trial in trials)
        if self.space is None or not known or not score.known or score.violation or len(score.values) > 1:
            return self.halving.should_prune(key, step, curves)
        if not any(step_at_rung(curves[key], round(at)) == step for at in self.steps):
            return False
        return self._probability(key, curves, trials, self.space) < LEAST

    def _probability(self, key: str, curves: Curves, trials: Sequence[TrialRow], space: Space) -> float:
        """The probability that a trial ends above the best complete one."""
        from scipy.special import ndtr

        flat = FlatSpace(space)
        firsts = {name: {at: score.values[0] for at, score in curve.items()} for name, curve in curves.items()}
        reports = reports_of(SearchHistory(trials, firsts, budget=self.budget), len(trials))
        keys = [trial.key for trial in reports.trials]
        complete = [trial.state == COMPLETE and not trial.violation for trial in reports.trials]
        if key not in keys or not any(complete):  # too many trials, or no complete one has a finite value
            return 1.0
        place = keys.index(key)
        mean, spread = fit(curve_data(reports, flat)).ends()
        best = float(mean[complete].max())
        return float(ndtr((mean[place] - best) / spread[place]))
