from __future__ import annotations

import json
import math

import numpy as np
import pytest

from benchmarks import search_quality
from benchmarks.fidelity_functions import FUNCTIONS, Function, Vector, linear, logarithmic
from benchmarks.paired_regrets import compare, median, median_interval
from benchmarks.searches_compared import COMPLETED, RETURNED, Ours, compared, point_of, space_of
from benchmarks.simulated_clock import SPREAD, SimulationSetup, milestones, simulate

OPTIMA = {
    "branin": [
        ((math.pi + 5) / 15, 2.275 / 15),
        ((5 - math.pi) / 15, 12.275 / 15),
        ((3 * math.pi + 5) / 15, 2.475 / 15),
    ],
    "currin": [(13 / 60, 0.0)],
    "borehole": [(1, 0, 1, 1, 1, 0, 0, 1)],
    "counting-ones": [(1,) * 16],
    "hartmann3": [(0.114614, 0.555649, 0.852547)],
    "hartmann6": [(0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573)],
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=lambda function: function.name)
def test_published_optima(function: Function) -> None:
    """Where the literature has the best points, and nowhere else."""
    name = function.name if function.name in OPTIMA else function.name.split("-")[0]
    for optimum in OPTIMA[name]:
        assert function.regret(np.array(optimum, dtype=float)) < 2e-3 * max(1.0, abs(function.best))
    draw = np.random.default_rng(0)
    assert all(function.true(draw.random(function.dims)) < function.best for _ in range(500))


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=lambda function: function.name)
def test_curves_end_at_the_true_value(function: Function) -> None:
    point = np.full(function.dims, 0.3)
    point[: function.switches] = 1
    curve = function.curve(point, 30, np.random.default_rng(0))
    assert curve.shape == (30,)
    near = 0.4 if function.name == "counting-ones" else 1e-9  # 729 draws in each of 8 dimensions: sd 0.05
    assert curve[-1] == pytest.approx(function.true(point), abs=near)
    assert np.ptp(curve) > 0
    again = function.curve(point, 30, np.random.default_rng(0))
    assert (curve == again).all()


def test_values_by_hand() -> None:
    """Branin at (0, 0): 6^2 + 10 (1 - 1/8pi) + 10 at full fidelity, t larger by 0.0045 at a tenth of it."""
    corner = np.array([1 / 3, 0.0])
    full = 56 - 10 / (8 * math.pi)
    assert FUNCTIONS["branin"].true(corner) == pytest.approx(-full)
    first = FUNCTIONS["branin"].curve(corner, 10, np.random.default_rng(0))[0]
    assert first == pytest.approx(-(full - 0.045))
    assert linear(4).tolist() == [0.25, 0.5, 0.75, 1.0]
    assert logarithmic(4).tolist() == pytest.approx([0, 0.5, math.log(3) / math.log(4), 1])
    # Hartmann's bumps at the centre of the last: 3.2 and what the others leave there.
    bottom = np.array([0.0381, 0.5743, 0.8828])
    curve = FUNCTIONS["hartmann3-good"].curve(bottom, 1, np.random.default_rng(0))
    assert curve.tolist() == pytest.approx([FUNCTIONS["hartmann3-good"].true(bottom)])
    assert curve[0] > 3.2
    # Counting ones: certain ones are counted without error from the first step on.
    assert FUNCTIONS["counting-ones"].curve(np.ones(16), 3, np.random.default_rng(0)).tolist() == [16.0] * 3


class Scripted:
    """Trial n is point n; ends trials at the steps of `ends`, and keeps what it is told."""

    def __init__(self, ends: dict[int, int]) -> None:
        self.ends, self.heard = ends, list[tuple[int, int, float]]()

    def begin(self, number: int) -> Vector:
        return np.array([float(number)])

    def report(self, number: int, step: int, value: float) -> bool:
        self.heard.append((number, step, value))
        return step < self.ends.get(number, 3)

    def incumbents(self) -> dict[str, Vector | None]:
        return {"last": np.array([float(self.heard[-1][0])]), "none": None}


def test_clock_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers, three steps a trial, equal speeds: trial 1 ends after a step and trial 2 takes its worker."""
    monkeypatch.setattr("benchmarks.simulated_clock.SPREAD", 0.0)

    def curve(point: Vector, steps: int, draw: np.random.Generator) -> Vector:
        return point[0] * 10 + np.arange(1, steps + 1)

    function = Function("line", 1, 5.0, lambda point: float(point[0]), curve)
    search = Scripted({1: 1})
    run = simulate(search, function, SimulationSetup(steps=3, budget=8, workers=2, milestones=(2, 8)), seed=0)
    # At 1 s: 0, 1; at 2 s: 0, 2; at 3 s: 0 completes, 2; at 4 s: 2 completes, 3 (begun after 0).
    assert [(number, step) for number, step, _ in search.heard] == [
        (0, 1), (1, 1), (0, 2), (2, 1), (0, 3), (2, 2), (2, 3), (3, 1),
    ]  # fmt: skip
    assert [value for *_, value in search.heard][:4] == [1.0, 11.0, 2.0, 21.0]
    assert run.regrets == {"last": (4.0, 2.0), "none": (math.inf, math.inf)}
    assert (run.begun, run.complete) == (5, 2)


def test_slower_trials_come_later() -> None:
    """Each trial takes its own time a step; reports come in the order in which steps are made."""
    search = Scripted({0: 30, 1: 30})
    flat = Function("flat", 1, 1.0, lambda point: 0.0, lambda point, steps, draw: np.zeros(steps))
    simulate(search, flat, SimulationSetup(steps=30, budget=30, workers=2, milestones=(30,)), seed=0)
    seconds = [math.exp(SPREAD * float(np.random.default_rng([0, number]).standard_normal())) for number in range(2)]
    due = sorted((seconds[number] * step, number, step) for number in range(2) for step in range(1, 31))
    assert [heard[:2] for heard in search.heard] == [(number, step) for _, number, step in due[:30]]


def test_milestones() -> None:
    assert milestones(100) == (25, 50, 100)
    assert milestones(1) == (1,)


def test_what_each_search_returns() -> None:
    """Four steps, none stopped before 1: a trial that is ahead early counts for Ray Tune, not here."""
    function = FUNCTIONS["branin"]
    for name in ("ours", "random+asha"):
        search = compared(4, 1)[name](function, 0)
        first, second = search.begin(0), search.begin(1)
        assert [search.report(0, step, 1.0) for step in range(1, 5)] == [True, True, True, False]
        assert search.report(1, 1, 2.0)
        found = search.incumbents()
        assert (found[COMPLETED] == first).all()
        assert (found[RETURNED] == (first if name == "ours" else second)).all(), name


@pytest.mark.parametrize("name", list(compared(9, 1)))
def test_bad_trials_are_stopped(name: str) -> None:
    search = compared(9, 1)[name](FUNCTIONS["counting-ones"], 0)
    points = [search.begin(number) for number in range(4)]
    assert all(set(point[:8]) <= {0.0, 1.0} for point in points)
    assert search.report(0, 1, 0.9)
    assert not search.report(1, 1, 0.1)


def test_the_start_is_a_random_point() -> None:
    function = FUNCTIONS["hartmann6-good"]
    starts = [point_of(space_of(function, seed).default(), function) for seed in range(2)]
    assert (starts[0] != starts[1]).all()
    ours = compared(9, 1)["ours"](function, 0)
    assert isinstance(ours, Ours)
    assert (ours.begin(0) == starts[0]).all()


def test_comparisons_by_hand() -> None:
    """Six seeds: the interval reaches from the smallest to the largest, 2 / 2^6 outside; all wins, p = 2 / 2^6."""
    found = compare([1, 2, 3, 4, 5, 6], [2, 4, 6, 8, 10, 12])
    assert (found.median, found.interval, found.wins, found.losses) == (-3.5, (-6.0, -1.0), 6, 0)
    assert found.p == pytest.approx(2 / 2**6)
    assert median_interval(np.arange(5.0)) is None
    assert median_interval(np.arange(20.0)) == (5.0, 14.0)  # the 6th and the 15th: 95.9%
    same = compare([1.0, math.inf], [1.0, math.inf])
    assert (same.median, same.wins, same.losses, same.p) == (0.0, 0, 0, 1.0)
    assert compare([math.inf] * 6, [1.0] * 6).p == pytest.approx(2 / 2**6)
    assert median([1.0, math.inf]) == math.inf
    assert median([1.0, 3.0, math.inf]) == 3.0


def test_end_to_end(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--functions", "branin", "--seeds", "2", "--budget", "6", "--steps", "9", "--first", "1", "--json"]
    assert search_quality.main(arguments) == 0
    text = capsys.readouterr().out
    found = json.loads(text)
    assert found["budget"] == found["milestones"][-1] == 54
    assert set(found["functions"]["branin"]) == {"ours", "optuna+asha", "random+asha"}
    assert all(row["verdict"] == "=" for row in found["comparisons"])  # two seeds can show nothing
    assert search_quality.main(arguments) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["functions"] == found["functions"]
    assert search_quality.main(arguments[:-1]) == 0
    assert "branin" in capsys.readouterr().out
