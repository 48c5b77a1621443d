"""Runs the searches of other libraries on the functions of `search_quality.py`, in an environment of their own.

    python -m venv peers && peers/bin/pip install -r benchmarks/search_peers.txt
    peers/bin/pip install --no-deps dehb==0.1.2
    peers/bin/python benchmarks/search_peers.py --runs runs.jsonl
    .venv/bin/python benchmarks/search_quality.py --runs runs.jsonl --peers dehb smac synetune-bore neps --seeds 6

Each library is used through its ask-and-tell interface, with its defaults, the same number of training steps, the same
workers in simulated time, and the first rung, the largest fidelity and the reduction factor (3) of this project. A
configuration that is asked for again at a higher fidelity resumes after its last step, so it is not trained twice. A
search returns its best complete trial, as this project's does; before any is complete, the best of those that were
trained longest.

- dehb: DEHB (Awad et al. 2021).
- smac: SMAC3's multi-fidelity facade, a random forest with Hyperband. It has to be told the number of trials in
  advance; that is what its own helper computes from the budget.
- synetune-bore, synetune-bohb: Syne Tune's asynchronous halving with BORE or with the densities of BOHB.
- neps: NePS, with what it chooses for a space with a fidelity and no priors: Hyperband.

Syne Tune and NePS are given conditional parameters as if they were always active; their plain spaces have no
conditions.
"""

from __future__ import annotations

import argparse
import datetime
import logging
import math
import random
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from benchmarks.fidelity_functions import COMPARED, FUNCTIONS, Function, Vector  # noqa: E402
from benchmarks.saved_runs import RunKey, SavedRuns  # noqa: E402
from benchmarks.simulated_clock import (  # noqa: E402
    Resumed,
    SimulatedRun,
    SimulatedSearch,
    SimulationSetup,
    milestones,
    simulate,
)

STEPS, FIRST, WORKERS, TRIALS = 30, 3, 4, 30  # the defaults of search_quality.py
ETA = 3


class Library(Protocol):
    """An optimizer to ask and tell."""

    def ask(self) -> tuple[Any, Vector, float]:
        """What `tell` needs, a point (dims,), and the number of steps after which its value is wanted."""
        ...

    def tell(self, asked: Any, value: float) -> None:
        """Reports a value; larger is better."""
        ...


class Returned:
    """Keeps each trial's last step and value, for what the search returns."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.points: list[Vector] = []
        self.last: dict[int, tuple[int, float]] = {}  # {trial: (step, value)}

    def incumbents(self) -> Mapping[str, Vector | None]:
        """See `SimulatedSearch`."""
        longest = max((step for step, _ in self.last.values()), default=0)
        known = [(value, -number) for number, (step, value) in self.last.items() if step == longest]
        chosen = self.points[-max(known)[1]] if known else None
        return {"returned": chosen, "completed": chosen if longest >= self.steps else None}


class AskTell(Returned):
    """A library as a `SimulatedSearch`: a trial pauses when its value is told."""

    def __init__(self, library: Library, steps: int) -> None:
        super().__init__(steps)
        self.library = library
        self.jobs: dict[int, tuple[Any, int]] = {}  # {trial: (what was asked, last step of it)}

    def begin(self, number: int) -> Vector | Resumed:
        """See `SimulatedSearch`."""
        asked, point, fidelity = self.library.ask()
        until = min(self.steps, round(fidelity))
        for trial, (step, _) in self.last.items():
            if trial not in self.jobs and step < until and (self.points[trial] == point).all():
                self.jobs[trial] = asked, until
                return Resumed(trial, step)
        self.points.append(point)
        self.jobs[number] = asked, until
        return point

    def report(self, number: int, step: int, value: float) -> bool:
        """See `SimulatedSearch`."""
        self.last[number] = step, value
        asked, until = self.jobs[number]
        if step < until:
            return True
        del self.jobs[number]
        self.library.tell(asked, value)
        return False


def config_space(function: Function, seed: int) -> Any:
    """The function's space for DEHB and SMAC3, with its conditions."""
    import ConfigSpace

    space = ConfigSpace.ConfigurationSpace(seed=seed)
    rows = [
        ConfigSpace.CategoricalHyperparameter(name, [0, 1])
        if dimension < function.switches
        else ConfigSpace.UniformFloatHyperparameter(name, 0, 1)
        for dimension, name in enumerate(names(function))
    ]
    space.add(rows)
    for dimension, required in function.conditions.items():
        terms = [ConfigSpace.EqualsCondition(rows[dimension], rows[switch], value) for switch, value in required]
        space.add(terms[0] if len(terms) == 1 else ConfigSpace.AndConjunction(*terms))
    return space


def names(function: Function) -> list[str]:
    """Names of a function's parameters."""
    return [f"x{dimension:02}" for dimension in range(function.dims)]


def point_of(params: Mapping[str, Any], function: Function) -> Vector:
    """Parameters as a point (dims,); inactive ones are 0, which has no effect."""
    return np.array([float(params.get(name, 0.0)) for name in names(function)])


class Dehb:
    """DEHB."""

    def __init__(self, function: Function, steps: int, first: int, seed: int, folder: str) -> None:
        from dehb import DEHB

        self.function = function
        self.optimizer = DEHB(
            cs=config_space(function, seed),
            min_fidelity=first,
            max_fidelity=steps,
            eta=ETA,
            n_workers=1,
            seed=seed,
            save_freq="end",
            output_path=folder,
            log_level="ERROR",
        )

    def ask(self) -> tuple[Any, Vector, float]:
        """See `Library`."""
        job = self.optimizer.ask()
        return job, point_of(dict(job["config"]), self.function), float(job["fidelity"])

    def tell(self, asked: Any, value: float) -> None:
        """See `Library`."""
        self.optimizer.tell(asked, {"fitness": -value, "cost": float(asked["fidelity"])})


class Smac:
    """SMAC3 with Hyperband."""

    def __init__(self, function: Function, steps: int, first: int, seed: int, folder: str) -> None:
        from smac import MultiFidelityFacade, Scenario
        from smac.intensifier.hyperband_utils import get_n_trials_for_hyperband_multifidelity

        self.function = function
        trials = get_n_trials_for_hyperband_multifidelity(TRIALS * steps, first, steps, ETA, print_summary=False)
        scenario = Scenario(
            config_space(function, seed),
            output_directory=Path(folder),
            deterministic=True,
            n_trials=trials,
            min_budget=first,
            max_budget=steps,
            seed=seed,
        )
        intensifier = MultiFidelityFacade.get_intensifier(scenario, eta=ETA)
        self.optimizer = MultiFidelityFacade(
            scenario, _unused, intensifier=intensifier, overwrite=True, logging_level=False
        )

    def ask(self) -> tuple[Any, Vector, float]:
        """See `Library`."""
        info = self.optimizer.ask()
        return info, point_of(dict(info.config), self.function), float(info.budget)

    def tell(self, asked: Any, value: float) -> None:
        """See `Library`."""
        from smac.runhistory.dataclasses import TrialValue

        self.optimizer.tell(asked, TrialValue(cost=-value), save=False)


def _unused(config: Any, seed: int, budget: float) -> float:
    raise RuntimeError("SMAC3 called the function itself, though its optimizer is asked and told")


class Neps:
    """NePS with the algorithm that it chooses itself."""

    def __init__(self, function: Function, steps: int, first: int, seed: int, folder: str) -> None:
        import neps
        import torch

        torch.manual_seed(seed)
        rows = {
            name: neps.Categorical((0, 1)) if dimension < function.switches else neps.Float(0.0, 1.0)
            for dimension, name in enumerate(names(function))
        }
        space = type("Space", (neps.PipelineSpace,), {**rows, "steps": neps.IntegerFidelity(first, steps)})()
        self.function = function
        self.optimizer = neps.AskAndTell(neps.algorithms.hyperband(space, eta=ETA))

    def ask(self) -> tuple[Any, Vector, float]:
        """See `Library`."""
        trial = self.optimizer.ask()
        return trial, point_of(trial.config, self.function), float(trial.config["steps"])

    def tell(self, asked: Any, value: float) -> None:
        """See `Library`."""
        self.optimizer.tell(asked, -value)


class SyneTune(Returned):
    """A scheduler of Syne Tune, which is given each report and may stop the trial, called as by its own tuner."""

    def __init__(self, scheduler: str, function: Function, steps: int, first: int, seed: int) -> None:
        from syne_tune.config_space import choice, uniform
        from syne_tune.optimizer import baselines

        super().__init__(steps)
        space = {
            name: choice([0, 1]) if dimension < function.switches else uniform(0, 1)
            for dimension, name in enumerate(names(function))
        }
        make = getattr(baselines, scheduler)
        self.function = function
        self.scheduler = make(space, "value", "step", steps, False, seed, grace_period=first, reduction_factor=ETA)
        self.trials: list[Any] = []

    def begin(self, number: int) -> Vector:
        """See `SimulatedSearch`."""
        from syne_tune.backend.trial_status import Trial

        trial = Trial(number, self.scheduler.suggest().config, datetime.datetime(2000, 1, 1))
        self.scheduler.on_trial_add(trial)
        self.trials.append(trial)
        self.points.append(point_of(trial.config, self.function))
        return self.points[-1]

    def report(self, number: int, step: int, value: float) -> bool:
        """See `SimulatedSearch`."""
        self.last[number] = step, value
        decision = self.scheduler.on_trial_result(self.trials[number], {"value": value, "step": step})
        if decision == "CONTINUE":
            return True
        self.scheduler.on_trial_remove(self.trials[number])
        return False


ASK_TELL: Mapping[str, Callable[[Function, int, int, int, str], Library]] = {"dehb": Dehb, "smac": Smac, "neps": Neps}
SYNE_TUNE = {"synetune-bore": "ASHABORE", "synetune-bohb": "BOHB"}
SEARCHES = (*ASK_TELL, *SYNE_TUNE)


def create_search(name: str, function: Function, steps: int, first: int, seed: int, folder: str) -> SimulatedSearch:
    """Creates one of `SEARCHES`; what it writes goes to `folder`."""
    random.seed(seed)
    np.random.seed(seed)
    if name in SYNE_TUNE:
        return SyneTune(SYNE_TUNE[name], function, steps, first, seed)
    return AskTell(ASK_TELL[name](function, steps, first, seed, folder), steps)


def run(key: RunKey) -> SimulatedRun:
    """Simulates one search."""
    function = FUNCTIONS[key.function]
    with tempfile.TemporaryDirectory() as folder:
        search = create_search(key.search, function, key.setting.steps, key.first, key.seed, folder)
        return simulate(search, function, key.setting, key.seed)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs what is not in the file yet and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True, metavar="FILE", help="JSON-lines file of runs")
    parser.add_argument("--searches", nargs="+", choices=SEARCHES, default=list(SEARCHES), metavar="NAME")
    parser.add_argument("--functions", nargs="+", choices=tuple(FUNCTIONS), default=list(COMPARED), metavar="NAME")
    parser.add_argument("--seeds", type=int, default=6, metavar="N", help="runs of each (default: %(default)s)")
    parser.add_argument("--from-seed", type=int, default=0, metavar="S", help="first seed (default: 0)")
    args = parser.parse_args(argv)
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    budget = TRIALS * STEPS
    setting = SimulationSetup(STEPS, budget, WORKERS, milestones(budget))
    saved = SavedRuns(args.runs)
    for seed in range(args.from_seed, args.from_seed + args.seeds):
        for name in args.functions:
            for search in args.searches:
                key = RunKey(search, name, seed, setting, FIRST)
                regret = saved.get_or_run(key, partial(run, key)).regrets["returned"][-1]
                print(f"{search:14} {name:20} {seed}  {regret if math.isfinite(regret) else 'none'}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
