"""The simulation of other libraries, with one of our own in their place; they are not installed for the tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks import search_peers, search_quality
from benchmarks.fidelity_functions import FUNCTIONS, Function, Vector
from benchmarks.search_peers import AskTell, SyneTune
from benchmarks.simulated_clock import SimulationSetup, simulate


class Scripted:
    """Asks for points in turn and keeps what it is told."""

    def __init__(self, asked: list[tuple[float, float]]) -> None:
        self.asked, self.told = asked, list[tuple[int, float]]()
        self.count = 0

    def ask(self) -> tuple[Any, Vector, float]:
        x, fidelity = self.asked[self.count]
        self.count += 1
        return self.count, np.array([x]), fidelity

    def tell(self, asked: Any, value: float) -> None:
        self.told.append((asked, value))


def test_a_configuration_asked_for_again_is_not_trained_twice() -> None:
    """1.33 steps are one; 0.2 resumes after its first step; a point asked for at a lower fidelity is a new trial."""
    library = Scripted([(0.1, 1.33), (0.2, 1.33), (0.2, 3.0), (0.2, 1.33), (0.4, 3.0)])

    def curve(point: Vector, steps: int, draw: np.random.Generator) -> Vector:
        return point[0] * np.arange(1, steps + 1)

    function = Function("line", 1, 1.0, lambda point: float(point[0]), curve)
    run = simulate(AskTell(library, 3), function, SimulationSetup(3, 6, 1, (1, 4, 6)), seed=0)
    assert library.told == [(1, 0.1), (2, 0.2), (3, 0.6000000000000001), (4, 0.2)]
    assert (run.begun, run.complete) == (4, 1)
    # Before a trial is complete, the best of those that were trained longest is returned.
    assert run.regrets["returned"] == (0.9, 0.8, 0.8)
    assert run.regrets["completed"] == (float("inf"), 0.8, 0.8)


def test_reports_reach_a_stopping_scheduler() -> None:
    class Scheduler:
        removed: list[Any]

        def on_trial_result(self, trial: Any, result: dict[str, float]) -> str:
            return "STOP" if result == {"value": 0.5, "step": 2} else "CONTINUE"

        def on_trial_remove(self, trial: Any) -> None:
            self.removed = [trial]

    search = SyneTune.__new__(SyneTune)
    search.steps, search.points, search.last = 3, [np.zeros(1)], {}
    search.scheduler, search.trials = scheduler, _ = Scheduler(), ["trial"]
    assert search.report(0, 1, 0.5)
    assert not search.report(0, 2, 0.5)
    assert scheduler.removed == ["trial"]


def test_settings_are_those_of_search_quality() -> None:
    setting, first = search_quality.setting_of(search_quality.parser().parse_args([]))
    assert (setting.steps, setting.workers, first) == (search_peers.STEPS, search_peers.WORKERS, search_peers.FIRST)
    assert setting.budget == search_peers.TRIALS * search_peers.STEPS


def test_inactive_parameters_are_zero() -> None:
    point = search_peers.point_of({"x00": 1, "x12": 0.5}, FUNCTIONS["tree"])
    assert point.tolist() == [1.0] + [0.0] * 11 + [0.5]
