"""Objectives and constraints: how they are written, what they judge, and reports that lack them."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

from amc.config import Config
from amc.errors import UserError
from analysis.record.states import COMPLETE, FAILED, WAITING
from analysis.record.writing import RecordWriter
from tests.tuning import toy_trials
from tests.tuning.engine.test_engine import Forgetful
from tests.tuning.in_process import run_in_process
from tests.tuning.toy_rows import study_row, trial_row
from tuning.engine.engine import Engine, StudyPlan
from tuning.engine.sources import SampledTrials
from tuning.engine.summary import summary, table
from tuning.search.constraints import Constraint, parse_constraint
from tuning.search.default_space import search_space
from tuning.search.goal import Goal
from tuning.search.objectives import ACCURACY, parse_objectives
from tuning.search.pruners import create_pruner
from tuning.search.samplers import create_sampler


def test_expressions() -> None:
    assert parse_constraint("time/step_seconds<=0.5") == Constraint("time/step_seconds", "<=", 0.5)
    assert parse_constraint("  seconds_per_step  <  2e-1 ") == Constraint("time/step_seconds", "<", 0.2)
    assert parse_constraint("appearance >= 0.25").metric == "val/appearance"
    for text in ("seconds_per_step <= 0.1", "loss/gan > -3", "val/accuracy >= 10000000"):
        assert parse_constraint(str(parse_constraint(text))) == parse_constraint(text)


@pytest.mark.parametrize(
    "text", ["", "time <=", "time <= fast", "0.5 >= time", "time == 1", "time <= nan", "a < b < 1"]
)
def test_what_is_no_expression(text: str) -> None:
    with pytest.raises(UserError, match="expected METRIC OPERATOR NUMBER"):
        parse_constraint(text)


def test_violations_by_hand() -> None:
    assert parse_constraint("m <= 0.5").violation(0.5) == 0
    assert parse_constraint("m < 0.5").violation(0.5) == sys.float_info.min * sys.float_info.epsilon > 0
    assert parse_constraint("m <= 0.5").violation(0.75) == 0.5
    assert parse_constraint("m >= 4").violation(1) == 0.75
    assert parse_constraint("m > 0").violation(-2) == 2
    goal = Goal(constraints=(parse_constraint("a <= 1"), parse_constraint("b >= 2")))
    assert goal.violation({"a": 1.5, "b": 1.0}) == 1.0
    assert goal.violation({"a": 1.0, "b": 2.0}) == 0
    assert goal.violation({"a": 1.0, "b": math.nan}) == math.inf
    assert Goal().violation({}) is None


def test_names_of_objectives() -> None:
    assert [row.metric for row in parse_objectives("appearance, accuracy")] == ["val/appearance", "val/accuracy"]
    with pytest.raises(UserError, match="unknown objective 'speed' in --objectives: choose from accuracy, appearance"):
        parse_objectives("accuracy,speed")
    with pytest.raises(UserError, match="unknown objective ''"):
        parse_objectives("")
    with pytest.raises(UserError, match="names 'accuracy' twice"):
        parse_objectives("accuracy,accuracy")


def test_a_goal_survives_the_record_and_knows_what_must_be_measured() -> None:
    goal = Goal(
        parse_objectives("accuracy"),
        (parse_constraint("seconds_per_step <= 0.5"), parse_constraint("appearance > 0.5")),
    )
    assert Goal.from_dict(goal.to_dict()).to_dict() == goal.to_dict()
    assert goal.measured_objectives == ["accuracy", "appearance"]
    assert Goal((ACCURACY,)).measured_objectives == ["accuracy"]


@pytest.fixture(autouse=True)
def _no_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toy_trials, "leaked", Forgetful())


def searched(
    record: RecordWriter, base: Config, folder: Path, goal: Goal, trials: int = 6, **settings: object
) -> Engine:
    record.update_study("toy", goal=goal.to_dict())
    space = search_space(base)
    plan = StudyPlan(
        "toy",
        [SampledTrials(space, create_sampler("tpe", space, 0), trials, 0)],
        create_pruner("none", 20, 5),
        folder,
        "tests.tuning.toy_trials:learn",
        extra=settings,
        goal=goal,
    )
    engine = Engine(record, plan)
    run_in_process(engine)
    return engine


@pytest.mark.parametrize(
    ("goal", "message"),
    [
        (
            Goal(constraints=(parse_constraint("loss/9 <= 1"),)),
            "constraint 'loss/9 <= 1': the metric loss/9 is not reported; reported metrics:",
        ),
        (
            Goal(parse_objectives("accuracy,appearance")),
            "the metric of an objective, val/appearance, is not reported; reported metrics:",
        ),
    ],
)
def test_a_metric_that_no_report_has_stops_the_study_before_it_fails_every_trial(
    goal: Goal, message: str, record: RecordWriter, base: Config, tmp_path: Path
) -> None:
    engine = searched(record, base, tmp_path / "toy", goal, trials=2)
    assert message in engine.fatal_error
    (trial,) = record.trials("toy")
    assert (trial.state, trial.attempts) == (WAITING, 1)
    assert summary(record, "toy")["best"] is None


def test_a_metric_that_one_trial_lacks_fails_it_by_name(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    goal = Goal(constraints=(parse_constraint("loss/1 <= 9"),))
    engine = searched(record, base, tmp_path / "toy", goal, trials=2, lacks={"trial-0001": "loss/1"})
    assert not engine.fatal_error
    first, second = record.trials("toy")
    assert (first.state, second.state) == (COMPLETE, FAILED)
    assert "constraint 'loss/1 <= 9': the metric loss/1 is not reported; reported metrics:" in second.reason
    assert second.reason in table(record, "toy")


def test_infeasible_trials_are_neither_best_nor_on_the_front(
    record: RecordWriter, base: Config, tmp_path: Path
) -> None:
    # The toy's accuracy is 1 at trial 0 and lower elsewhere: the bound shuts out the best.
    searched(record, base, tmp_path / "toy", Goal(constraints=(parse_constraint("accuracy <= 0.9"),)))
    rows = record.trials("toy", "trial")
    assert {trial.state for trial in rows} == {COMPLETE}
    assert rows[0].violation == pytest.approx(0.1 / 0.9)
    found = summary(record, "toy")
    allowed = [trial for trial in found["trials"] if trial["violation"] == 0]
    assert found["best"]["value"] == max(trial["value"] for trial in allowed) <= 0.9
    assert found["pareto"][0] == found["best"]["key"]
    assert "trial-0000" not in found["pareto"]
    assert found["constraints"] == ["val/accuracy <= 0.9"]
    shown = table(record, "toy").splitlines()
    assert "trial-0000" in shown[-1]
    assert "violates a constraint" in shown[-1]


def test_the_summary_of_two_objectives(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    goal = Goal(parse_objectives("accuracy,appearance"))
    record.create_study(study_row(base))
    record.update_study("toy", goal=goal.to_dict())
    for number, (accuracy, appearance) in enumerate([(0.2, 0.9), (0.8, 0.4), (0.8, 0.1)]):
        record.add_trial(trial_row(base, number))
        key = f"trial-{number:04d}"
        attempt = record.begin("toy", key).attempts
        metrics = {"val/accuracy": accuracy, "val/appearance": appearance}
        record.report("toy", key, attempt, 20, metrics, objectives=goal.metrics)
        record.finish("toy", key, attempt, COMPLETE, value=appearance)  # a reported value stays
    found = summary(record, "toy")
    assert found["objectives"] == ["accuracy", "appearance"]
    assert [trial["values"]["appearance"] for trial in found["trials"]] == [0.9, 0.4, 0.1]
    assert found["best"]["key"] == "trial-0001"
    assert found["best"]["value"] == 0.8
    assert found["pareto"] == ["trial-0001", "trial-0000"]
    shown = table(record, "toy").splitlines()
    assert shown[1].split()[:3] == ["trial", "accuracy", "appearance"]
    assert shown[2].split()[:4] == ["1", "trial-0001", "80.0", "40.0"]
    assert shown[-1] == "Pareto front: trial-0001, trial-0000"
