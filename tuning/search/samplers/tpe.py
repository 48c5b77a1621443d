"""Optuna's tree-structured Parzen estimator (TPE), rebuilt from the record for each proposal.

Optuna does not support pruning with several objectives: `report` and `should_prune` raise there, and so does its
sampler for a PRUNED trial with intermediate values, so pruned trials could not be used. Here a search with several
objectives has a single value in Optuna: a trial's rank in the order of `analysis.record.ranking` (non-dominated
sorting, then an epsilon-net). Pruned trials keep their state, below all complete ones. What is lost is Optuna's
tie-break within a front, the hypervolume contribution.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from analysis.record.ranking import first_objective
from analysis.record.rows import TrialRow
from analysis.record.states import COMPLETE, ENDED, FAILED, PRUNED
from tuning.search.samplers.base import RETRIES, SearchHistory, is_repeat, random_generator
from tuning.search.samplers.random import RandomSampler
from tuning.search.space import Parameter, Space

if TYPE_CHECKING:  # imported by the first proposal: it takes a second
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

STARTUP = 10  # random trials before the estimator is used


def good_count(count: int, dimensions: int) -> int:
    """How many of `count` trials are modelled as good: half of count^(4 / (4 + d)), at most 25 as in Optuna.

    Optuna's kernels are at least 1 / (good + 2) of a range wide. By Scott's rule (1992), the best width for n points in
    d dimensions is proportional to n^(-1 / (4 + d)). With more dimensions, kernels must be wider, so fewer trials may
    count as good. Optuna's default counts a tenth of all trials as good in any dimension. Here, of 100 trials, 11 are
    good in 2 dimensions, 4 in 6, and 2 in 16.
    """
    return min(math.ceil(math.pow(count, 4 / (4 + dimensions)) / 2), 25)


class TPESampler:
    """TPE. The first trials are those of `Space.starting_point`.

    Optuna sees a pruned trial as complete, with its value extrapolated to the full budget
    (`tuning.search.extrapolation`): the value after few steps cannot be compared with that after many. If there are too
    few trials to extrapolate from, Optuna sees it as PRUNED, with its intermediate values. Optuna also sees the running
    trials, so that simultaneous proposals differ, and the violation of constraints: it ranks trials that violate one
    behind all others.
    """

    def __init__(self, space: Space, seed: int) -> None:
        self.space, self.seed = space, seed

    def propose(self, number: int, history: SearchHistory) -> dict[str, Any] | None:
        """See `Sampler`."""
        start = self.space.starting_point(number)
        if start is not None:
            return start
        if self.space.has_priors and sum(trial.state in ENDED for trial in history.known) < STARTUP:
            return RandomSampler(self.space, self.seed).propose(number, history)
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        known = [self.to_optuna(trial, history) for trial in history.imported]
        known += [self.to_optuna(trial, history) for trial in history.trials if trial.number < number]
        gamma = partial(good_count, dimensions=len(self.space.parameters))
        params: dict[str, Any] = {}
        for retry in range(RETRIES):
            draw = int(random_generator(self.seed, number, retry).integers(2**31))
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "`gamma`", FutureWarning)  # deprecated, to be removed in Optuna 6
                estimator = optuna.samplers.TPESampler(n_startup_trials=STARTUP, gamma=gamma, seed=draw)
            study = optuna.create_study(direction="maximize", sampler=estimator)
            study.add_trials(known)
            params = self._suggest_params(study.ask())
            if not is_repeat(params, history):
                break
        return params

    def to_optuna(self, trial: TrialRow, history: SearchHistory) -> FrozenTrial:
        """Converts a trial of the record to Optuna's."""
        from optuna.trial import TrialState, create_trial

        active = [row for row in self.space.active(trial.params) if row.name in trial.params]
        # A trial of an earlier space may have values outside this one; they are left out.
        active = [row for row in active if row.contains(trial.params[row.name])]
        states = {COMPLETE: TrialState.COMPLETE, PRUNED: TrialState.PRUNED, FAILED: TrialState.FAIL}
        state = states.get(trial.state, TrialState.RUNNING)
        value, curve = _values(trial, history)
        if state is TrialState.COMPLETE and value is None:
            state = TrialState.FAIL
        if state is TrialState.PRUNED and value is not None:
            state = TrialState.COMPLETE
        has_violation = state in (TrialState.COMPLETE, TrialState.PRUNED) and trial.violation is not None
        return create_trial(
            state=state,
            value=value if state is TrialState.COMPLETE else None,
            params={row.name: _to_optuna_value(row, trial.params[row.name]) for row in active},
            distributions={row.name: _distribution(row) for row in active},
            intermediate_values=dict(curve),
            constraints={"violation": trial.violation or 0.0} if has_violation else None,
        )

    def _suggest_params(self, trial: optuna.Trial) -> dict[str, Any]:
        params: dict[str, Any] = {}
        for row in self.space.parameters:
            # Conditions depend on the values suggested so far.
            if row in self.space.active(params):
                params[row.name] = _suggest(trial, row)
        return params


def _values(trial: TrialRow, history: SearchHistory) -> tuple[float | None, Mapping[int, float]]:
    """A trial's value and intermediate values in Optuna; larger is better. A trial that stays PRUNED has no value.

    With several objectives, both are the negative rank among all trials, with the last step as the only intermediate
    value: Optuna compares it only with trials that were pruned at the same step.
    """
    if len(trial.values) <= 1:  # a row without values has one objective, the accuracy
        curve = history.curves.get(trial.key, {})
        return (history.extrapolated.get(trial.key) if trial.state == PRUNED else first_objective(trial)), curve
    if trial.key not in history.ranks:
        return None, {}
    place = -float(history.ranks[trial.key])
    return (None if trial.state == PRUNED else place), {trial.step: place}


# The unit interval carries scale and prior: for kind log, the estimator works on the logarithm.
_UNIT = (0.0, 1.0)


def _distribution(row: Parameter) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution

    return CategoricalDistribution(row.choices) if row.kind == "categorical" else _interval()


@cache
def _interval() -> BaseDistribution:
    # A shared object: Optuna deep-copies every trial, and copies a shared object once.
    from optuna.distributions import FloatDistribution

    return FloatDistribution(*_UNIT)


def _suggest(trial: optuna.Trial, row: Parameter) -> Any:
    if row.frozen is not None:
        return row.frozen
    if row.kind == "categorical":
        return trial.suggest_categorical(row.name, row.choices)
    return row.from_unit(trial.suggest_float(row.name, *_UNIT))


def _to_optuna_value(row: Parameter, value: Any) -> Any:
    return value if row.kind == "categorical" else min(max(row.to_unit(value), 0.0), 1.0)
