"""The forecast of time and steps, compared with schedules worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuning.planning.forecast import PlannedRun, Totals, TrialCosts, Workload, forecast, mean_costs
from tuning.search.pruners import create_pruner

TRIAL = TrialCosts(step=0.1, evaluation=1.0, start=2.0, end=3.0, score=5.0, launch=10.0)
COSTS = {"amc_gan": TRIAL}


def runs(count: int, budget: int = 90, every: int = 10, **changes: object) -> list[PlannedRun]:
    return [PlannedRun(n, budget, every, **changes) for n in range(count)]  # type: ignore[arg-type]


def expected(work: Workload, workers: int = 1, pruner: str = "none", first: int = 30) -> Totals:
    return forecast(work, COSTS, create_pruner(pruner, 90, first), workers)[0]


def test_one_trial() -> None:
    # 2 + 90 x 0.1 + 9 evaluations + 3 of pictures; then 10 of launch.
    assert expected(Workload(runs(1))) == Totals(90, pytest.approx(23.0), pytest.approx(33.0))


def test_a_last_stretch_shorter_than_the_rest_and_a_test() -> None:
    # Evaluations at 10, 20, 25: 2 + 2.5 + 3 + 3 + 5.
    assert expected(Workload(runs(1, budget=25, scored=True))).busy == pytest.approx(15.5)


def test_three_trials_on_two_workers() -> None:
    found = expected(Workload(runs(3)), workers=2)
    assert found.busy == pytest.approx(3 * 23.0)
    assert found.wall == pytest.approx(10 + 2 * 23.0)


def test_methods_have_costs_of_their_own() -> None:
    other = TrialCosts("probe", "10 steps", step=0.2, evaluation=4.0, start=1.0, end=0.0, score=6.0, launch=12.0)
    work = Workload([*runs(1), PlannedRun(1, 120, 20, scored=True, method="other")])
    costs = {"amc_gan": replace(TRIAL, kind="record", text="2 trials"), "other": other}
    found = forecast(work, costs, create_pruner("none", 90, 30), 1)[0]
    assert found.steps == 90 + 120
    assert found.busy == pytest.approx(23 + (1 + 120 * 0.2 + 6 * 4 + 6))
    assert found.wall == pytest.approx(12 + found.busy)
    mean = mean_costs(costs, work.left)
    assert (mean.kind, mean.text) == ("probe and record", "amc_gan: 2 trials; other: 10 steps")
    assert (mean.step, mean.evaluation) == (pytest.approx(0.15), pytest.approx(2.5))


def test_confirming_runs_wait_for_all_trials() -> None:
    confirming = [PlannedRun(0, 90, 10, scored=True)] * 2
    work = Workload([PlannedRun(0, 90, 10, done=45), PlannedRun(1, 90, 10)], confirming)
    # The trials end at 14.5 and at 23; both confirming runs follow and are scored.
    found = expected(work, workers=2)
    assert found.steps == 45 + 3 * 90
    assert found.busy == pytest.approx(14.5 + 23 + 2 * (23 + 5))
    assert found.wall == pytest.approx(10 + 23 + 23 + 5)


def test_an_interrupted_trial_has_its_rest_to_run() -> None:
    # From 55: evaluations at 60, 70, 80, 90.
    found = expected(Workload(runs(1, done=55)))
    assert found.steps == 35
    assert found.busy == pytest.approx(2 + 3.5 + 4 + 3)


def test_nothing_left_takes_no_time() -> None:
    assert expected(Workload(), workers=2) == Totals(0, 0, 0)


def test_a_finished_search_lacks_only_its_confirming_runs() -> None:
    confirming = [PlannedRun(0, 90, 10)] * 2
    found = expected(Workload(confirming=confirming, ended=runs(2, done=90)), workers=2, pruner="halving")
    assert found.steps == 2 * 90
    assert found.busy == pytest.approx(2 * 23.0)


def test_the_pruner_compares_with_trials_on_record() -> None:
    # Five trials on record stand on the rung at 30: of six, two may go on.
    found = expected(Workload([PlannedRun(5, 90, 10)], ended=runs(5, budget=30, done=30)), pruner="halving")
    assert found.steps == pytest.approx(30 + 60 / 3, abs=8)


def test_halving_lets_through_what_exchangeability_says() -> None:
    # One worker, one rung: the n-th to reach it is among the best max(1, n // 3) of n with that chance.
    mean = sum(30 + 60 * max(1, n // 3) / n for n in range(1, 9))
    found, low, high = forecast(Workload(runs(8)), COSTS, create_pruner("halving", 90, 30), 1)
    assert found.steps == pytest.approx(mean, rel=0.05)
    # At least: the first goes on, all others end at the rung. At most: all go on.
    assert (low.steps, high.steps) == (90 + 7 * 30, 8 * 90)
    assert (low.wall, high.wall) == (pytest.approx(10 + 23 + 7 * 11), pytest.approx(10 + 8 * 23))


@settings(max_examples=30, deadline=None)
@given(
    count=st.integers(1, 12),
    workers=st.integers(1, 5),
    name=st.sampled_from(["gp", "halving", "hyperband", "none"]),
)
def test_laws_of_any_schedule(count: int, workers: int, name: str) -> None:
    work = Workload(runs(count), [PlannedRun(0, 90, 10)] * 2)
    found, low, high = forecast(work, COSTS, create_pruner(name, 90, 10), workers)
    assert low.steps - 1e-9 <= found.steps <= high.steps + 1e-9
    assert high.steps == 90 * (count + 2)
    # No schedule is quicker than all workers always busy, and a greedy one is at most one trial worse than that.
    assert found.wall - TRIAL.launch >= found.busy / workers - 1e-9
    assert found.wall - TRIAL.launch <= found.busy / workers + 2 * 23.0 + 1e-9
