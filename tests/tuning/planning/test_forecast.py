"""The forecast of time and steps, compared with schedules worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuning.planning.disk import checkpoint_count
from tuning.planning.forecast import PlannedRun, Simulated, TrialCosts, Workload, forecast, simulate
from tuning.search.pruners import create_pruner
from tuning.search.pruners.none import NoPruner

COSTS = TrialCosts(step=0.1, evaluation=1.0, start=2.0, end=3.0, score=5.0, launch=10.0)


def runs(count: int, budget: int = 90, every: int = 10, **changes: object) -> list[PlannedRun]:
    return [PlannedRun(f"t{n}", n, budget, every, **changes) for n in range(count)]  # type: ignore[arg-type]


def test_one_trial() -> None:
    # 2 + 90 x 0.1 + 9 evaluations + 3 of pictures; then 10 of launch.
    found = simulate(Workload(runs(1), 1), COSTS, NoPruner(), {"t0": 0.5})
    assert found == Simulated(steps=90, busy=pytest.approx(23.0), wall=pytest.approx(33.0))


def test_a_last_stretch_shorter_than_the_rest_and_a_test() -> None:
    # Evaluations at 10, 20, 25: 2 + 2.5 + 3 + 3 + 5.
    found = simulate(Workload(runs(1, budget=25, scored=True), 1), COSTS, NoPruner(), {"t0": 0.5})
    assert found.busy == pytest.approx(15.5)


def test_three_trials_on_two_workers() -> None:
    work = Workload(runs(3), 2)
    found = simulate(work, COSTS, NoPruner(), dict.fromkeys(("t0", "t1", "t2"), 0.5))
    assert found.busy == pytest.approx(3 * 23.0)
    assert found.wall == pytest.approx(10 + 2 * 23.0)


def test_a_cheaper_configuration_steps_faster() -> None:
    found = simulate(Workload(runs(1, step_cost=0.5), 1), COSTS, NoPruner(), {"t0": 0.5})
    assert found.busy == pytest.approx(23.0 - 4.5)


def test_a_pruned_trial_makes_its_pictures_and_its_worker_takes_the_next() -> None:
    # Rungs at 30 of 90. One worker: t0 goes on; t1 is worse and ends at 30: 2 + 3 + 3 evaluations + 3.
    values = {"t0": 0.9, "t1": 0.1, "t2": 0.95}
    found = simulate(Workload(runs(3), 1), COSTS, create_pruner("halving", 90, 30), values)
    assert found.steps == 90 + 30 + 90
    assert found.wall == pytest.approx(10 + 23 + 11 + 23)


def test_confirming_runs_wait_for_all_trials() -> None:
    confirming = [PlannedRun("", 0, 90, 10, step_cost=0.5, scored=True)] * 2
    work = Workload([PlannedRun("t0", 0, 90, 10, step_cost=0.5), PlannedRun("t1", 1, 90, 10)], 2, confirming)
    # t0 ends at 18.5 and t1 at 23; both confirming runs follow, each with half the arithmetic and scored.
    found = simulate(work, COSTS, NoPruner(), {"t0": 0.9, "t1": 0.1})
    assert found.steps == 4 * 90
    assert found.busy == pytest.approx(18.5 + 23 + 2 * (18.5 + 5))
    assert found.wall == pytest.approx(10 + 23 + 18.5 + 5)


def test_an_interrupted_trial_has_its_rest_to_run() -> None:
    # From 55: evaluations at 60, 70, 80, 90.
    found = simulate(Workload(runs(1, done=55), 1), COSTS, NoPruner(), {"t0": 0.5})
    assert found.steps == 35
    assert found.busy == pytest.approx(2 + 3.5 + 4 + 3)


def test_nothing_left_takes_no_time() -> None:
    found = forecast(Workload([], 2), COSTS, NoPruner())
    assert (found.steps, found.busy, found.wall) == (0, 0, 0)


def test_a_finished_search_lacks_only_its_confirming_runs() -> None:
    confirming = [PlannedRun("", 0, 90, 10, step_cost=0.5)] * 2
    work = Workload([], 2, confirming, curves={"a": {90: 0.4}, "b": {90: 0.7}}, numbers={"a": 0, "b": 1})
    found = forecast(work, COSTS, create_pruner("halving", 90, 30), simulations=5)
    assert found.steps == 2 * 90
    assert found.busy == pytest.approx(2 * 18.5)


@pytest.mark.parametrize(("value", "steps"), [(0.1, 10), (0.9, 70)])
def test_a_resumed_trial_keeps_its_rank(value: float, steps: int) -> None:
    # Of three trials at the rung at 30 only the best continues to 90.
    curves = {"a": {30: 0.5}, "b": {30: 0.4}, "resumed": {20: value}}
    numbers = {key: n for n, key in enumerate(curves)}
    work = Workload([PlannedRun("resumed", 2, 90, 10, done=20)], 1, curves=curves, numbers=numbers)
    assert forecast(work, COSTS, create_pruner("halving", 90, 30), simulations=20).steps == steps


def test_the_pruner_meets_the_curves_on_record() -> None:
    # Five trials on record stand on the rung at 30: of six, two may go on.
    curves = {f"old{n}": {30: n / 10} for n in range(5)}
    numbers = {key: n for n, key in enumerate(curves)}
    work = Workload([PlannedRun("new", 5, 90, 10)], 1, curves=curves, numbers=numbers)
    found = forecast(work, COSTS, create_pruner("halving", 90, 30), simulations=3_000)
    assert found.steps == pytest.approx(30 + 60 / 3, abs=2.5)


def test_halving_lets_through_what_exchangeability_says() -> None:
    # One worker, one rung: the n-th to reach it is among the best max(1, n // 3) of n with that chance.
    expected = sum(30 + 60 * max(1, n // 3) / n for n in range(1, 9))
    found = forecast(Workload(runs(8), 1), COSTS, create_pruner("halving", 90, 30), simulations=3_000)
    assert found.steps == pytest.approx(expected, rel=0.02)
    # At least: the first goes on, all others end at the rung. At most: all go on.
    assert found.steps_range == (90 + 7 * 30, 8 * 90)
    assert found.wall_range == (pytest.approx(10 + 23 + 7 * 11), pytest.approx(10 + 8 * 23))


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(1, 12),
    workers=st.integers(1, 5),
    name=st.sampled_from(["halving", "hyperband", "none"]),
)
def test_laws_of_any_schedule(count: int, workers: int, name: str) -> None:
    work = Workload(runs(count), workers, [PlannedRun("", 0, 90, 10)] * 2)
    found = forecast(work, COSTS, create_pruner(name, 90, 10), simulations=3)
    assert found == forecast(work, COSTS, create_pruner(name, 90, 10), simulations=3)
    low, high = found.wall_range
    assert low <= high
    assert found.steps_range[0] - 1e-9 <= found.steps <= found.steps_range[1] + 1e-9
    assert found.steps_range[1] == 90 * (count + 2)
    # No schedule is quicker than all workers always busy, and a greedy one is at most one trial worse than that.
    assert found.wall - COSTS.launch >= found.busy / workers - 1e-9
    assert found.wall - COSTS.launch <= found.busy / workers + 2 * 23.0 + 1e-9


def test_checkpoints_are_bounded_by_running_trials_and_the_best() -> None:
    assert checkpoint_count(kept=0, left=100, workers=4, keep=3) == 3 + 8
    assert checkpoint_count(kept=0, left=1, workers=4, keep=3) == 2
    assert checkpoint_count(kept=3, left=0, workers=4, keep=3) == 3
