"""Optuna's tree-structured Parzen estimator, rebuilt for each proposal from the record.

Optuna's own way to several objectives has no early stopping: `report` and `should_prune` raise there, and a PRUNED
trial with step values makes its sampler raise too, so every trial that was stopped early would be lost to it. Here a
search with several objectives is told to Optuna as one with a single value, a trial's place in the order of
`analysis.record.ranking` (non-dominated sorting, then an epsilon-net): trials that were stopped early stay in it as
what they
are, below all complete ones. What is lost is Optuna's hypervolume contribution as the tie-break within a front.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from analysis.record.rows import TrialRow, scored
from analysis.record.states import COMPLETE, FAILED, PRUNED
from tuning.search.samplers.base import RETRIES, SearchHistory, is_repeat, random_generator
from tuning.search.space import Parameter, Space

if TYPE_CHECKING:  # imported when the first proposal needs it: a second of a command's start
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

STARTUP = 10  # trials drawn at random before the estimator is asked


def good(count: int, dimensions: int) -> int:
    """How many of `count` trials are modelled as good: half of count^(4 / (4 + d)), at most Optuna's 25.

    Optuna keeps its kernels as wide as 1 / (good + 2) of a range. By Scott's rule (1992) the width that n points in d
    dimensions support falls as n^(-1 / (4 + d)): many dimensions want wide kernels, so few good trials, where Optuna's
    own tenth of all trials narrows them whatever the dimension. At 100 trials these are 11 in 2 dimensions, 4 in 6,
    2 in 16.
    """
    return min(math.ceil(math.pow(count, 4 / (4 + dimensions)) / 2), 25)


class TPESampler:
    """TPE; trial 0 is the data set's own configuration.

    Trials that were stopped early are told with what they would have come to (`tuning.search.samplers.extrapolate`),
    never with
    the value of few steps as if it were one of many; where too little is known for that, as PRUNED with the values of
    their steps. Failed ones are told as failed; those under way as running, so that proposals made together differ.
    Trials that violate a constraint are told with by how much: Optuna ranks them after all that don't.
    """

    def __init__(self, space: Space, seed: int) -> None:
        self.space, self.seed = space, seed

    def propose(self, number: int, history: SearchHistory) -> dict[str, Any] | None:
        """See `Sampler`."""
        if number == 0:
            return self.space.default()
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        told = [self.told(trial, history) for trial in history.imported]
        told += [self.told(trial, history) for trial in history.trials if trial.number < number]
        gamma = partial(good, dimensions=len(self.space.parameters))
        params: dict[str, Any] = {}
        for retry in range(RETRIES):
            draw = int(random_generator(self.seed, number, retry).integers(2**31))
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "`gamma`", FutureWarning)  # on its way out, in Optuna 6
                estimator = optuna.samplers.TPESampler(n_startup_trials=STARTUP, gamma=gamma, seed=draw)
            study = optuna.create_study(direction="maximize", sampler=estimator)
            study.add_trials(told)
            params = self._ask(study.ask())
            if not is_repeat(params, history):
                break
        return params

    def told(self, trial: TrialRow, history: SearchHistory) -> FrozenTrial:
        """A trial of the record as Optuna has it."""
        from optuna.trial import TrialState, create_trial

        asked = [row for row in self.space.active(trial.params) if row.name in trial.params]
        # A trial of an earlier space may have values that this one does not; they teach nothing here.
        asked = [row for row in asked if row.contains(trial.params[row.name])]
        states = {COMPLETE: TrialState.COMPLETE, PRUNED: TrialState.PRUNED, FAILED: TrialState.FAIL}
        state = states.get(trial.state, TrialState.RUNNING)
        value, curve = _scalar(trial, history)
        if state is TrialState.COMPLETE and value is None:
            state = TrialState.FAIL
        if state is TrialState.PRUNED and value is not None:
            state = TrialState.COMPLETE
        judged = state in (TrialState.COMPLETE, TrialState.PRUNED) and trial.violation is not None
        return create_trial(
            state=state,
            value=value if state is TrialState.COMPLETE else None,
            params={row.name: _outward(row, trial.params[row.name]) for row in asked},
            distributions={row.name: _distribution(row) for row in asked},
            intermediate_values=dict(curve),
            constraints={"violation": trial.violation or 0.0} if judged else None,
        )

    def _ask(self, trial: optuna.Trial) -> dict[str, Any]:
        params: dict[str, Any] = {}
        for row in self.space.parameters:
            # Conditions need the values chosen so far, so the space is asked row by row.
            if row in self.space.active(params):
                params[row.name] = _suggest(trial, row)
        return params


def _scalar(trial: TrialRow, history: SearchHistory) -> tuple[float | None, Mapping[int, float]]:
    """The value and the step values that Optuna is told; larger is better; no value for a trial that stays PRUNED.

    With several objectives the place among all trials, at the last step alone: only that one is compared, and only
    with trials that were stopped at the same step, among whom the places are in order.
    """
    score = scored(trial.value, trial.values, trial.violation)
    if len(score.values) == 1:
        curve = history.curves.get(trial.key, {})
        return (history.extrapolated.get(trial.key) if trial.state == PRUNED else trial.value), curve
    if trial.key not in history.ranks:
        return None, {}
    place = -float(history.ranks[trial.key])
    return (None if trial.state == PRUNED else place), {trial.step: place}


# The unit interval carries scale and prior: an estimator over it is one over the log, where the kind is log.
_UNIT = (0.0, 1.0)


def _distribution(row: Parameter) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution

    return CategoricalDistribution(row.choices) if row.kind == "categorical" else _interval()


@cache
def _interval() -> BaseDistribution:
    # One object for all: Optuna copies every trial that it is told, and an object in it once.
    from optuna.distributions import FloatDistribution

    return FloatDistribution(*_UNIT)


def _suggest(trial: optuna.Trial, row: Parameter) -> Any:
    if row.kind == "categorical":
        return trial.suggest_categorical(row.name, row.choices)
    return row.from_unit(trial.suggest_float(row.name, *_UNIT))


def _outward(row: Parameter, value: Any) -> Any:
    return value if row.kind == "categorical" else min(max(row.to_unit(value), 0.0), 1.0)
