"""Optuna's tree-structured Parzen estimator, rebuilt for each proposal from the record."""

from __future__ import annotations

from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from analysis.records import TrialRow
from analysis.states import COMPLETE, FAILED, PRUNED
from tuning.samplers.base import RETRIES, History, generator, seen
from tuning.space import Parameter, Space

optuna.logging.set_verbosity(optuna.logging.WARNING)

STARTUP = 10  # trials drawn at random before the estimator is asked
_STATES = {COMPLETE: TrialState.COMPLETE, PRUNED: TrialState.PRUNED, FAILED: TrialState.FAIL}


class Tpe:
    """TPE; trial 0 is the data set's own configuration.

    Trials that were stopped early are told as PRUNED with the values of their steps, never as complete; failed ones
    as failed; those under way as running, so that proposals made together differ.
    """

    def __init__(self, space: Space, seed: int) -> None:
        self.space, self.seed = space, seed

    def propose(self, number: int, history: History) -> dict[str, Any] | None:
        """See `Sampler`."""
        if number == 0:
            return self.space.default()
        told = [self.told(trial, history) for trial in history.trials if trial.number < number]
        params: dict[str, Any] = {}
        for retry in range(RETRIES):
            draw = int(generator(self.seed, number, retry).integers(2**31))
            study = optuna.create_study(direction="maximize", sampler=TPESampler(n_startup_trials=STARTUP, seed=draw))
            study.add_trials(told)
            params = self._ask(study.ask())
            if not seen(params, history):
                break
        return params

    def told(self, trial: TrialRow, history: History) -> FrozenTrial:
        """A trial of the record as Optuna has it."""
        asked = [row for row in self.space.asked(trial.params) if row.name in trial.params]
        # A trial of an earlier space may have values that this one does not; they teach nothing here.
        asked = [row for row in asked if _inside(row, trial.params[row.name])]
        state = _STATES.get(trial.state, TrialState.RUNNING)
        if state is TrialState.COMPLETE and trial.value is None:
            state = TrialState.FAIL
        return create_trial(
            state=state,
            value=trial.value if state is TrialState.COMPLETE else None,
            params={row.name: _outward(row, trial.params[row.name]) for row in asked},
            distributions={row.name: _distribution(row) for row in asked},
            intermediate_values=dict(history.curves.get(trial.key, {})),
        )

    def _ask(self, trial: optuna.Trial) -> dict[str, Any]:
        base, params = self.space.base.flat(), dict[str, Any]()
        for row in self.space.parameters:
            # Conditions need the values chosen so far, so the space is asked row by row.
            if row in self.space.asked(base | params):
                params[row.name] = _suggest(trial, row)
        return params


# The unit interval carries scale and prior: an estimator over it is one over the log, where the kind is log.
_UNIT = FloatDistribution(0.0, 1.0)


def _distribution(row: Parameter) -> BaseDistribution:
    return CategoricalDistribution(row.choices) if row.kind == "categorical" else _UNIT


def _suggest(trial: optuna.Trial, row: Parameter) -> Any:
    if row.kind == "categorical":
        return trial.suggest_categorical(row.name, row.choices)
    return row.from_unit(trial.suggest_float(row.name, _UNIT.low, _UNIT.high))


def _outward(row: Parameter, value: Any) -> Any:
    return value if row.kind == "categorical" else min(max(row.to_unit(value), 0.0), 1.0)


def _inside(row: Parameter, value: Any) -> bool:
    return bool(row.clip(value) == value)
