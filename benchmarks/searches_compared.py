"""The searches that `search_quality.py` compares, each as a `benchmarks.simulated_clock.SimulatedSearch`.

This project's search calls its samplers and pruners as `tuning.engine.engine.Engine` does, with the rows of the record
in memory. Ray Tune's searches call its searcher and scheduler classes in the order of its controller
(`ray.tune.execution.tune_controller`, `_process_trial_result` and `stop_trial`), without a cluster. One difference is
in favour of Ray: its controller asks the searcher for the next trial while all workers are still busy; here the
searcher is asked when the trial begins, and so knows more results.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import optuna
from ray import tune
from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler
from ray.tune.search.optuna import OptunaSearch
from ray.tune.search.variant_generator import generate_variants

from amc.config import Config
from amc.errors import UserError
from analysis.record.ranking import best
from analysis.record.rows import Score, TrialRow
from analysis.record.states import COMPLETE, PRUNED, RUNNING, TRIAL
from benchmarks.fidelity_functions import Function, Vector
from benchmarks.prior_cases import CASES, prior_point, with_prior
from benchmarks.simulated_clock import SimulatedSearch
from tuning.preparation.defaults import PRUNER, SAMPLER
from tuning.search.pruners import PRUNERS, Pruner, create_pruner
from tuning.search.samplers import SAMPLERS, Sampler, SearchHistory, create_sampler
from tuning.search.space import Parameter, Space

METRIC = "val/accuracy"
RETURNED, COMPLETED = "returned", "completed"  # the search's own result, and its best complete trial


def names(function: Function) -> list[str]:
    """Names of a function's parameters."""
    return [f"x{index}" for index in range(function.dims)]


def point_of(params: Mapping[str, Any], function: Function) -> Vector:
    """Parameters as a point (dims,); inactive ones are 0, which has no effect."""
    return np.array([float(params.get(name, 0.0)) for name in names(function)])


@dataclass(frozen=True)
class _Start:
    """Takes the place of the base configuration of a space, which only needs its values."""

    values: Mapping[str, Any]

    def flat(self) -> dict[str, Any]:
        """The values by name."""
        return dict(self.values)


def parameter(function: Function, dimension: int) -> Parameter:
    """A dimension as a parameter. Switches that others depend on are `bool`, as in this project's own search spaces."""
    conditions = function.conditions.get(dimension, ())
    when = tuple(f"x{switch}" if value else f"!x{switch}" for switch, value in conditions)
    name = names(function)[dimension]
    if dimension >= function.switches:
        return Parameter(name, "float", 0, 1, when=when)
    if function.conditions:
        return Parameter(name, "bool", choices=(False, True), when=when)
    return Parameter(name, "categorical", choices=(0, 1), when=when)


def space_of(function: Function, seed: int) -> Space:
    """The function's space, with a random base configuration, so that the first trial has no advantage."""
    draw = np.random.default_rng([seed, 1])
    rows = [parameter(function, dimension) for dimension in range(function.dims)]
    start = {row.name: row.from_unit(float(draw.random())) for row in rows}
    return Space(cast(Config, _Start(start)), tuple(rows))


class Ours:
    """A sampler and a pruner of this project; the incumbent is the best complete trial, as in a study's summary."""

    def __init__(self, function: Function, steps: int, chooser: Sampler, stopper: Pruner) -> None:
        self.function, self.steps = function, steps
        self.sampler, self.pruner = chooser, stopper
        self.trials: list[TrialRow] = []
        self.curves: dict[str, dict[int, float]] = {}
        self.scores: dict[str, dict[int, Score]] = {}

    def begin(self, number: int) -> Vector:
        """See `SimulatedSearch`."""
        params = self.sampler.propose(number, SearchHistory(self.trials, self.curves))
        assert params is not None  # only a grid has an end
        key = f"trial-{number:04d}"
        row = TrialRow("", key, TRIAL, number, None, RUNNING, params, config={}, seed=number, budget=self.steps)
        self.trials.append(row)
        self.curves[row.key], self.scores[row.key] = {}, {}
        return point_of(params, self.function)

    def report(self, number: int, step: int, value: float) -> bool:
        """See `SimulatedSearch`."""
        row = replace(self.trials[number], step=step, value=value)
        self.curves[row.key][step], self.scores[row.key][step] = value, Score((value,))
        if step >= self.steps:
            row = replace(row, state=COMPLETE)
        elif self._prunes(row, step):
            row = replace(row, state=PRUNED)
        self.trials[number] = row
        return row.state == RUNNING

    def _prunes(self, row: TrialRow, step: int) -> bool:
        trials = [row if trial.key == row.key else trial for trial in self.trials]
        return self.pruner.should_prune(row.key, step, self.scores, {t.key: t.number for t in trials}, trials)

    def incumbents(self) -> Mapping[str, Vector | None]:
        """See `SimulatedSearch`."""
        chosen = best(self.trials)
        point = None if chosen is None else point_of(chosen.params, self.function)
        return {RETURNED: point, COMPLETED: point}


class RayTune:
    """A searcher of Ray Tune, or random draws from its space, with its asynchronous successive halving.

    It returns what `ResultGrid.get_best_result` returns: of all trials, complete or not, the one with the highest last
    value.
    """

    def __init__(
        self,
        function: Function,
        steps: int,
        scheduler: AsyncHyperBandScheduler,
        searcher: OptunaSearch | None,
        seed: int,
    ) -> None:
        self.function, self.steps = function, steps
        self.scheduler, self.searcher = scheduler, searcher
        space = {
            name: tune.choice([0, 1]) if index < function.switches else tune.uniform(0, 1)
            for index, name in enumerate(names(function))
        }
        self.draws = _draws(space, seed)
        self.scheduler.set_search_properties(METRIC, "max")
        if searcher is not None:
            searcher.set_search_properties(METRIC, "max", {} if function.conditions else space)
        self.params: list[Mapping[str, Any]] = []
        self.last: dict[int, tuple[int, float]] = {}  # {trial: (step, value)}

    def begin(self, number: int) -> Vector:
        """See `SimulatedSearch`."""
        params = next(self.draws) if self.searcher is None else self.searcher.suggest(str(number))
        assert params is not None  # only a ConcurrencyLimiter returns None
        self.params.append(params)
        self.scheduler.on_trial_add(_NO_CONTROLLER, _trial(number))
        return point_of(params, self.function)

    def report(self, number: int, step: int, value: float) -> bool:
        """See `SimulatedSearch`."""
        trial, result = _trial(number), {"training_iteration": step, METRIC: value}
        self.last[number] = step, value
        stops = self.scheduler.on_trial_result(_NO_CONTROLLER, trial, result) == TrialScheduler.STOP
        if not stops:
            if self.searcher is not None:
                self.searcher.on_trial_result(str(number), result)
            return True
        self.scheduler.on_trial_complete(_NO_CONTROLLER, trial, result)
        if self.searcher is not None:
            self.searcher.on_trial_complete(str(number), result)
        return False

    def incumbents(self) -> Mapping[str, Vector | None]:
        """See `SimulatedSearch`."""
        return {RETURNED: self._best(1), COMPLETED: self._best(self.steps)}

    def _best(self, least: int) -> Vector | None:
        """The point with the highest last value among trials that reached step `least`; of ties, the first."""
        known = [(value, -number) for number, (step, value) in self.last.items() if step >= least]
        return point_of(self.params[-max(known)[1]], self.function) if known else None


_NO_CONTROLLER: Any = None  # a parameter that the scheduler does not use


def _trial(number: int) -> Any:
    return SimpleNamespace(trial_id=str(number))  # the only attribute that the scheduler uses


def _draws(space: Mapping[str, Any], seed: int) -> Iterator[Mapping[str, Any]]:
    """Random configurations, as `BasicVariantGenerator` draws them."""
    state = np.random.RandomState(seed)
    while True:
        for _, spec in generate_variants({"config": dict(space)}, random_state=state):
            yield spec["config"]


def _suggest_active(function: Function, trial: optuna.Trial) -> None:
    """Suggests the active parameters: how Ray Tune passes a conditional space to Optuna."""
    chosen: dict[int, float] = {}
    for dimension, name in enumerate(names(function)):
        if function.is_active(dimension, chosen):
            switch = dimension < function.switches
            chosen[dimension] = trial.suggest_categorical(name, [0, 1]) if switch else trial.suggest_float(name, 0, 1)


RAY_TUNE: Mapping[str, tuple[bool, Mapping[str, Any]]] = {
    "optuna+asha": (True, {}),
    "random+asha": (False, {}),
    "optuna+asha3": (True, {"reduction_factor": 3}),
    "random+asha3": (False, {"reduction_factor": 3}),
}
"""{name: (whether OptunaSearch proposes, options of the scheduler)}."""

OURS = "ours"  # the default sampler and pruner
OWN = (OURS, *(f"{sampler}+{pruner}" for sampler in SAMPLERS for pruner in PRUNERS))
SEARCHES = (*RAY_TUNE, *OWN, *(f"{name}+{case}" for name in OWN for case in CASES))


def _ours(name: str, function: Function, steps: int, first: int, seed: int) -> Ours:
    space = space_of(function, seed)
    for case in CASES:
        if name.endswith(f"+{case}"):
            name, space = name.removesuffix(f"+{case}"), with_prior(space, prior_point(function, case, seed))
    sampler, pruner = (SAMPLER, PRUNER) if name == OURS else name.split("+")
    return Ours(function, steps, create_sampler(sampler, space, seed), create_pruner(pruner, steps, first, space))


def create_search(name: str, function: Function, steps: int, first: int, seed: int) -> SimulatedSearch:
    """Creates a search.

    Args:
        name: one of `SEARCHES`.
        steps: number of steps of a complete trial.
        first: first step at which a trial may be pruned.

    Raises:
        UserError: the name is unknown.
    """
    if name not in SEARCHES:
        raise UserError(f"unknown search {name!r}: choose from {', '.join(SEARCHES)}")
    if name not in RAY_TUNE:
        return _ours(name, function, steps, first, seed)
    learns, options = RAY_TUNE[name]
    halving = AsyncHyperBandScheduler(max_t=steps, grace_period=first, **options)
    if not learns:
        return RayTune(function, steps, halving, None, seed)
    space = partial(_suggest_active, function) if function.conditions else None
    return RayTune(function, steps, halving, OptunaSearch(space, metric=METRIC, mode="max", seed=seed), seed)
