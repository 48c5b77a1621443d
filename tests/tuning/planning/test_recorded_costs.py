"""Costs from rows of a record that are made up, and worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from amc.config import Config
from analysis.record.rows import Point, StudyRow, TrialRow
from tests.tuning.toy_rows import study_row, trial_row
from tuning.planning.forecast import TrialCosts
from tuning.planning.recorded_costs import comparable, trial_seconds, typical_costs


def points(key: str, times: list[float], step_seconds: float = 0.5) -> list[Point]:
    """Reports every 10 steps at these seconds since 1970; an evaluation by itself takes 1 s."""
    metrics = {"time/step_seconds": step_seconds, "time/evaluation_seconds": 1.0}
    return [Point(n, key, 10 * (n + 1), 1, round(1000 * at), metrics) for n, at in enumerate(times)]


def found(*trials: TrialRow, reports: list[Point]) -> TrialCosts:
    return typical_costs([trial_seconds(trial, reports) for trial in trials], 2.0)


def test_the_parts_of_a_trial(base: Config) -> None:
    # Starts at 1012; 3 s before the first step; to each report 5 s of steps and 1.5 s of evaluation and checkpoint.
    one = trial_row(base, state="COMPLETE", attempts=1, started=1012.0, ended=1030.0)
    costs = found(one, reports=points(one.key, [1021.5, 1028.0]))
    assert costs.step == pytest.approx(0.5)
    assert costs.evaluation == pytest.approx(1.5)
    assert costs.start == pytest.approx(3.0)
    assert costs.end == pytest.approx(2.0)
    assert costs.score == pytest.approx(2.0 * 1.5)  # no trial was scored: by the size of the split


def test_a_scored_run_tells_what_scoring_takes(base: Config) -> None:
    one = trial_row(base, 0, state="COMPLETE", attempts=1, started=1012.0, ended=1030.0)
    two = trial_row(base, 1, state="COMPLETE", attempts=1, started=1012.0, ended=1034.0, scores={"test/accuracy": 0.5})
    reports = points(one.key, [1021.5, 1028.0]) + points(two.key, [1021.5, 1028.0])
    both = found(one, two, reports=reports)
    assert (both.end, both.score) == (pytest.approx(2.0), pytest.approx(4.0))
    alone = found(two, reports=reports)
    assert (alone.end, alone.score) == (pytest.approx(6.0), 0.0)


def test_a_pruned_trial_has_no_end(base: Config) -> None:
    one = trial_row(base, state="PRUNED", attempts=1, started=1012.0, ended=1028.0)
    # Its pictures are written after its end on record.
    assert found(one, reports=points(one.key, [1021.5, 1028.0])).end == 0.0


def test_what_is_left_out(base: Config) -> None:
    running = trial_row(base, 0, state="RUNNING", attempts=1, started=1012.0)
    twice = trial_row(base, 1, state="COMPLETE", attempts=2, started=1012.0, ended=1030.0)
    untimed = trial_row(base, 2, state="COMPLETE", attempts=1, started=1012.0, ended=1030.0)
    silent = trial_row(base, 3, state="FAILED", attempts=1, started=1012.0, ended=1030.0)
    reports = (
        points(running.key, [1021.5]) + points(twice.key, [1021.5]) + [Point(9, untimed.key, 10, 1, 1_021_500, {})]
    )
    for trial in (running, twice, untimed, silent):
        assert trial_seconds(trial, reports) == {}


def test_only_studies_with_equal_costs_are_comparable(base: Config) -> None:
    machine = {"host": "here", "device": "a processor", "cores": 2}
    settings = {"workers": 2, "cpus_per_trial": 1, "gpus_per_trial": 0.0, "machine": machine, "trials": 4}
    one: StudyRow = replace(study_row(base), settings=settings)
    assert comparable(one, replace(one, name="other", seed=5, settings={**settings, "trials": 9}))
    assert not comparable(study_row(base), study_row(base))  # from before machines were recorded
    for name in ("workers", "cpus_per_trial", "gpus_per_trial", "machine"):
        assert not comparable(one, replace(one, settings={**settings, name: "else"}))
    assert not comparable(one, replace(one, preset="compact"))
    assert not comparable(one, replace(one, dataset={**one.dataset, "reduction": "64x64 to 16x16"}))
    assert not comparable(one, replace(one, config={**one.config, "model": {}}))
    assert not comparable(one, replace(one, goal={"objectives": ["accuracy", "appearance"], "constraints": []}))
