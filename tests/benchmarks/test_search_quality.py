from __future__ import annotations

import json
import math
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from benchmarks import search_quality
from benchmarks.fidelity_functions import FUNCTIONS, Function, Vector, linear, logarithmic
from benchmarks.paired_regrets import compare, median, median_interval
from benchmarks.prior_cases import optima, prior_point, random_point, with_prior
from benchmarks.saved_runs import RunKey, SavedRuns
from benchmarks.searches_compared import COMPLETED, RAY_TUNE, RETURNED, Ours, create_search, point_of, space_of
from benchmarks.simulated_clock import SPREAD, Resumed, SimulatedRun, SimulationSetup, milestones, simulate


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=lambda function: function.name)
def test_published_optima(function: Function) -> None:
    """Where the literature has the best points, and nowhere else."""
    for optimum in optima(function):
        assert function.regret(np.array(optimum, dtype=float)) < 2e-3 * max(1.0, abs(function.best))
    draw = np.random.default_rng(0)
    assert all(function.true(random_point(function, draw)) < function.best for _ in range(500))


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=lambda function: function.name)
def test_curves_end_at_the_true_value(function: Function) -> None:
    point = np.full(function.dims, 0.3)
    point[: function.switches] = 1
    curve = function.curve(point, 30, np.random.default_rng(0))
    assert curve.shape == (30,)
    # Counting Ones: 729 draws in each of 8 dimensions, sd 0.05. An accuracy on 360 clips: sd at most 0.026.
    near = {"counting-ones": 0.4, "loss-terms": 0.15}.get(function.name, 1e-9)
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


def test_large_functions_by_hand() -> None:
    """Rosenbrock at x = 0 in 10 dimensions: 9 at full fidelity, 9 * 4 at the lowest."""
    centre = np.full(10, 0.5)
    assert FUNCTIONS["rosenbrock10"].true(centre) == pytest.approx(-9)
    assert FUNCTIONS["rosenbrock10"].curve(centre, 2, np.random.default_rng(0)).tolist() == pytest.approx([-22.5, -9])
    corner = np.ones(10)  # x = 2: 9 bends of (2 - 4)^2, 9 (1 - 2)^2; low also -0.5 * 20
    assert FUNCTIONS["rosenbrock10"].true(corner) == pytest.approx(-3609)
    low = 9 * (50 * 4 + 16) - 10
    at_half = FUNCTIONS["rosenbrock10"].curve(corner, 2, np.random.default_rng(0))[0]
    assert at_half == pytest.approx(-(3609 + low) / 2)
    # Leaf 2 of the tree is switches (1, ., 0): a = 1, b = -0.5, r = 0.25 of its half.
    tree = FUNCTIONS["tree"]
    point = np.array([1, 1, 0, 0, 0, 0, 0, 1.0, 0.25, 0, 0, 0.9, 0.25])
    assert tree.true(point) == pytest.approx(-(0.3 + 1 + 0.25 + 0.25))
    # Exponent 0.3 + 1.2 / 4 = 0.6: after 1 of 4 steps 0.9 (1 - 4^-0.6) is left of the way from -3.4.
    first = tree.curve(point, 4, np.random.default_rng(0))[0]
    assert first == pytest.approx(-3.4 + 1.6 * (1 - 0.9 * (1 - 4**-0.6)))
    # No term is on: their costs, 1.35; the learning rate is 0.1 below its best; the batch 0.2 above.
    off = np.array([0] * 6 + [0.5] * 6 + [0.4, 0.8, 0.3, 0.6])
    assert FUNCTIONS["loss-terms"].true(off) == pytest.approx(0.95 * math.exp(-(1.35 + 0.02 + 0.04)))
    # The last term alone, with weight 0.5: 0.1 + 0.2 / 4 more, and a learning rate of 0.65 would be the best.
    off[5], off[-1] = 1, 0.65
    assert FUNCTIONS["loss-terms"].true(off) == pytest.approx(0.95 * math.exp(-(1.35 + 0.02 + 0.15)))


@pytest.mark.parametrize("name", ["tree", "loss-terms"])
def test_only_active_dimensions_have_an_effect(name: str) -> None:
    function, draw = FUNCTIONS[name], np.random.default_rng(0)
    for _ in range(30):
        point, other = random_point(function, draw), random_point(function, draw)
        for dimension in range(function.dims):
            changed = point.copy()
            changed[dimension] = 1 - point[dimension] if dimension < function.switches else other[dimension]
            same = function.true(changed) == function.true(point)
            assert same != function.is_active(dimension, point) or (name == "loss-terms" and same)


def test_conditional_spaces_of_both_sides() -> None:
    """Inactive parameters are not proposed; the point has 0 there, which has no effect."""
    function = FUNCTIONS["tree"]
    space = space_of(function, 0)
    assert space.parameters[1].when == ("!x0",)
    assert space.parameters[4].when == ("!x0", "!x1")
    for name in ("tpe+halving", "optuna+asha", "random+asha"):
        search = create_search(name, function, 9, 1, 0)
        for number in range(5):
            point = search.begin(number)
            assert isinstance(point, np.ndarray)
            inactive = [point[at] for at in range(13) if not function.is_active(at, point)]
            assert len(inactive) == 8
            assert name == "random+asha" or inactive == [0.0] * 8


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


class Halved:
    """Stops each trial after a step, and resumes trial 0 when trial 1 has ended."""

    def __init__(self) -> None:
        self.heard = list[tuple[int, int]]()

    def begin(self, number: int) -> Vector | Resumed:
        return Resumed(0, 1) if self.heard == [(0, 1), (1, 1)] else np.array([float(number)])

    def report(self, number: int, step: int, value: float) -> bool:
        self.heard.append((number, step))
        return (number, step) == (0, 2)

    def incumbents(self) -> dict[str, Vector | None]:
        return {}


def test_a_stopped_trial_resumes_after_its_last_step() -> None:
    flat = Function("flat", 1, 1.0, lambda point: 0.0, lambda point, steps, draw: np.zeros(steps))
    search = Halved()
    run = simulate(search, flat, SimulationSetup(steps=3, budget=5, workers=1, milestones=(5,)), seed=0)
    assert search.heard == [(0, 1), (1, 1), (0, 2), (0, 3), (2, 1)]
    assert (run.begun, run.complete) == (3, 1)


def test_milestones() -> None:
    assert milestones(100) == (25, 50, 100)
    assert milestones(1) == (1,)


def test_what_each_search_returns() -> None:
    """Four steps, none stopped before 1: a trial that is ahead early counts for Ray Tune, not here."""
    function = FUNCTIONS["branin"]
    for name in ("ours", "random+asha"):
        search = create_search(name, function, 4, 1, 0)
        first, second = search.begin(0), search.begin(1)
        assert [search.report(0, step, 1.0) for step in range(1, 5)] == [True, True, True, False]
        assert search.report(1, 1, 2.0)
        found = search.incumbents()
        assert (found[COMPLETED] == first).all()
        assert (found[RETURNED] == (first if name == "ours" else second)).all(), name


@pytest.mark.parametrize("name", ["ours", *RAY_TUNE])
def test_bad_trials_are_stopped(name: str) -> None:
    search = create_search(name, FUNCTIONS["counting-ones"], 9, 1, 0)
    points = [search.begin(number) for number in range(4)]
    assert all(set(point[:8]) <= {0.0, 1.0} for point in points)
    assert search.report(0, 1, 0.9)
    assert not search.report(1, 1, 0.1)


def test_the_start_is_a_random_point() -> None:
    function = FUNCTIONS["hartmann6-good"]
    starts = [point_of(space_of(function, seed).default(), function) for seed in range(2)]
    assert (starts[0] != starts[1]).all()
    ours = create_search("ours", function, 9, 1, 0)
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


def test_priors_by_hand() -> None:
    """A right prior is near the optimum, a wrong one among the worst 1% of points, whatever the seed."""
    function, draw = FUNCTIONS["loss-terms"], np.random.default_rng(0)
    usual = sorted(function.true(random_point(function, draw)) for _ in range(1000))
    for seed in range(3):
        right = prior_point(function, "prior-right", seed)
        assert right[:6].tolist() == [1, 1, 1, 1, 1, 0]
        assert 0 < np.abs(right[6:] - optima(function)[0][6:]).max() < 0.5
        assert function.true(prior_point(function, "prior-wrong", seed)) < usual[10]
    space = with_prior(space_of(function, 0), right)
    assert [row.prior for row in space.parameters[4:7]] == pytest.approx([0.8, 0.2, right[6]])
    assert space.default() == space_of(function, 0).default()
    counting = with_prior(space_of(FUNCTIONS["counting-ones"], 0), np.zeros(16))
    assert counting.parameters[0].prior == 0


def test_a_prior_is_tried() -> None:
    """The second trial has the values of the priors; a switch has the more probable value."""
    function = FUNCTIONS["hartmann3-good"]
    search = create_search("random+none+prior-right", function, 9, 1, 0)
    assert isinstance(search.begin(0), np.ndarray)
    assert search.begin(1) == pytest.approx(prior_point(function, "prior-right", 0))


ROOT = Path(__file__).resolve().parents[2]
SMALL = ["--functions", "branin", "--budget", "6", "--steps", "9", "--first", "1"]


def test_end_to_end(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*SMALL, "--seeds", "2"]
    assert search_quality.main([*arguments, "--json"]) == 0
    text = capsys.readouterr().out
    found = json.loads(text)
    assert found["budget"] == found["milestones"][-1] == 54
    assert set(found["functions"]["branin"]) == {"ours", "optuna+asha", "random+asha"}
    assert all(row["verdict"] == "=" for row in found["comparisons"])  # two seeds can show nothing
    assert {row["step"] for row in found["comparisons"]} == {14, 54}
    assert search_quality.main([*arguments, "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["functions"] == found["functions"]
    assert search_quality.main(arguments) == 0
    assert "branin" in capsys.readouterr().out


def test_saved_runs_are_not_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also not after a kill in the middle of a line, which costs that run alone."""
    file = tmp_path / "runs.jsonl"
    arguments = [*SMALL, "--peers", "random+asha", "random+asha3", "--search", "random+halving", "--runs", str(file)]
    assert search_quality.main([*arguments, "--seeds", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    whole = file.read_text()
    assert len(whole.splitlines()) == 6
    file.write_text(whole[:-30])
    runs: list[RunKey] = []
    simulated = search_quality.run

    def recorded(key: RunKey) -> SimulatedRun:
        runs.append(key)
        return simulated(key)

    monkeypatch.setattr(search_quality, "run", recorded)
    assert search_quality.main([*arguments, "--seeds", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["functions"] == found["functions"]
    assert [(key.search, key.seed) for key in runs] == [("random+asha3", 1)]
    assert search_quality.main([*arguments, "--seeds", "2", "--markdown"]) == 0
    table = capsys.readouterr().out
    assert len(runs) == 1
    assert table.count("| branin |") == 2
    assert "seeds 0 to 1:" in table
    assert table.splitlines()[5].startswith("| all |  | lower on ")


def test_infinite_regrets_are_saved(tmp_path: Path) -> None:
    key = RunKey("name", "branin", 0, SimulationSetup(1, 2, 1, (1, 2)), 1)
    run = SimulatedRun({"returned": (math.inf, 0.25)}, 3, 1)
    assert SavedRuns(tmp_path / "a.jsonl").get_or_run(key, lambda: run) == run
    assert SavedRuns(tmp_path / "a.jsonl").get_or_run(key, lambda: pytest.fail("ran again")) == run


def test_unknown_search(capsys: pytest.CaptureFixture[str]) -> None:
    assert search_quality.main([*SMALL, "--seeds", "1", "--peers", "smac"]) == 2
    assert "unknown search 'smac'" in capsys.readouterr().err


def test_holm_is_over_functions() -> None:
    """Six seeds, ours always better on one of two functions: p = 2 / 2^6, doubled; the ratio is of the medians."""
    better = [SimulatedRun({"returned": (1.0, 1.0), "completed": (1.0, 1.0)}, 1, 1)] * 6
    worse = [SimulatedRun({"returned": (1.0, 4.0 + seed), "completed": (1.0, 4.0)}, 1, 1) for seed in range(6)]
    rows = search_quality.comparisons({"a": {"x": better, "y": worse}, "b": {"x": better, "y": better}}, "x", (1, 2))
    found = {(row["rule"], row["step"], row["function"]): row for row in rows}
    last = found["returned", 2, "a"]
    assert (last["ratio"], last["wins"]) == (pytest.approx(1 / 6.5), 6)
    assert last["p_holm"] == pytest.approx(4 / 2**6)
    assert found["returned", 1, "a"]["median"] == 0.0


def test_tables_of_the_documentation(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command in docs/search.md prints the tables below it from the saved runs, and runs nothing."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(search_quality, "run", lambda key: pytest.fail(f"not saved: {key}"))
    page = Path("docs/search.md").read_text(encoding="utf-8")
    commands = list(re.finditer(r"benchmarks/search_quality\.py (--runs .+ --markdown)", page))
    assert commands
    for command in commands:
        assert search_quality.main(shlex.split(command[1])) == 0
        assert capsys.readouterr().out in page[command.end() :]
