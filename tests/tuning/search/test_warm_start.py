"""Warm start: what another study found is imported once, and is history, never one of this study's own trials."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from optuna.trial import TrialState

from amc.config import Config, with_overrides
from amc.errors import UserError
from analysis.record.equal_accuracies import LOG_LIKELIHOOD
from analysis.record.reading import RecordReader
from analysis.record.rows import Score, StudyRow
from analysis.record.states import COMPLETE, FAILED, PRUNED, TRIAL, WAITING
from analysis.record.writing import RecordWriter
from tests.tuning import toy_trials
from tests.tuning.engine.test_engine import Forgetful
from tests.tuning.in_process import run_in_process
from tests.tuning.toy_rows import study_row, trial_row
from tuning.engine.engine import Engine, StudyPlan
from tuning.engine.sources import SampledTrials, of_role
from tuning.engine.summary import summary
from tuning.search.constraints import parse_constraint
from tuning.search.default_space import search_space
from tuning.search.goal import Goal
from tuning.search.objectives import parse_objectives
from tuning.search.pruners import create_pruner
from tuning.search.samplers import SAMPLERS, SearchHistory, create_sampler
from tuning.search.samplers.tpe import TPESampler
from tuning.search.space import Parameter
from tuning.search.warm_start import ImportedHistory, find_imported, imported_history

ACCURACY = "val/accuracy"


@pytest.fixture(autouse=True)
def _no_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toy_trials, "leaked", Forgetful())


def other_study(runs: Path, base: Config, **changes: object) -> StudyRow:
    """A study "other" with a complete trial (weights.gan 3), one stopped early, a failed and a waiting one."""
    row = replace(study_row(base, "other"), **changes)  # type: ignore[arg-type]
    with RecordWriter(runs / "other" / "record.db") as record:
        record.create_study(row)
        for number, (gan, state, curve) in enumerate(
            [
                (3.0, COMPLETE, {10: 0.3, 20: 0.8}),
                (9.0, PRUNED, {10: 0.1}),
                (5.0, FAILED, {}),
                (7.0, WAITING, {}),
                (2.0, COMPLETE, {10: 0.2, 20: 0.5}),
            ]
        ):
            config = with_overrides(base, {"weights.gan": gan, "seed": number})
            record.add_trial(
                trial_row(base, number, study="other", params={"weights.gan": gan}, config=config.to_dict())
            )
            if state == WAITING:
                continue
            key = f"trial-{number:04d}"
            attempt = record.begin("other", key).attempts
            for step, value in curve.items():
                record.report("other", key, attempt, step, {ACCURACY: value, "time/step_seconds": gan})
            record.finish("other", key, attempt, state)
        return record.study("other")


def test_it_is_read_once_and_rebuilt_from_the_own_record(tmp_path: Path, base: Config) -> None:
    other_study(tmp_path, base)
    rows = find_imported("other", "toy", tmp_path, None, Goal())
    assert [(row.key, row.state, list(row.curve)) for row in rows] == [
        ("trial-0000", COMPLETE, [10, 20]),
        ("trial-0001", PRUNED, [10]),
        ("trial-0002", FAILED, []),
        ("trial-0004", COMPLETE, [10, 20]),
    ]
    with RecordWriter(tmp_path / "toy" / "record.db") as record:
        record.create_study(study_row(base))
        for _ in range(2):
            record.add_imported(rows)
        assert record.imported("toy") == rows
        assert record.trials("toy") == []
    with RecordWriter(tmp_path / "other" / "record.db") as record:
        record.delete_study("other")
    for wanted in ("other", None):
        assert find_imported(wanted, "toy", tmp_path, None, Goal()) == rows
    with RecordWriter(tmp_path / "toy" / "record.db") as record:
        record.add_imported([replace(rows[0], key="trial-0009")])  # of the same source: it has been imported
        assert record.imported("toy") == rows
        record.delete_study("toy")
        assert record.imported("toy") == []


def test_one_record_for_all_studies(tmp_path: Path, base: Config) -> None:
    row = other_study(tmp_path / "elsewhere", base)
    shared = str(tmp_path / "elsewhere" / "other" / "record.db")
    rows = find_imported("other", "toy", tmp_path, shared, Goal())
    assert {found.source_uid for found in rows} == {row.uid}


def test_what_cannot_be_used_is_said(tmp_path: Path, base: Config) -> None:
    other_study(tmp_path, base)
    with pytest.raises(UserError, match="'toy' is this study itself"):
        find_imported("toy", "toy", tmp_path, None, Goal())
    with pytest.raises(UserError, match="'gone': no such study in"):
        find_imported("gone", "toy", tmp_path, None, Goal())
    with pytest.raises(
        UserError, match="has the objectives accuracy, this study has appearance, accuracy: give --objectives"
    ):
        find_imported("other", "toy", tmp_path, None, Goal(parse_objectives("appearance,accuracy")))
    with RecordWriter(tmp_path / "empty" / "record.db") as record:
        record.create_study(study_row(base, "empty"))
    with pytest.raises(UserError, match="'empty' has no ended trial with a value"):
        find_imported("empty", "toy", tmp_path, None, Goal())


@pytest.mark.parametrize(
    "changes",
    [
        {"preset": "compact"},
        {"dataset": {"name": "toy", "origin": "procedural", "fingerprint": "e" * 64}},
        {"budget": 40},
    ],
)
def test_complete_trials_of_something_else_are_told_as_stopped_early(
    changes: dict[str, object], tmp_path: Path, base: Config
) -> None:
    budget = changes.pop("budget", 20)
    other_study(tmp_path, base, **changes)
    rows = find_imported("other", "toy", tmp_path, None, Goal())
    mine = with_overrides(base, {"training.steps": budget})
    space = search_space(mine)
    found = imported_history(rows, study_row(mine), space, Goal())
    assert [trial.state for trial in found.trials] == [PRUNED, PRUNED, FAILED, PRUNED]
    history = SearchHistory([], found.curves, found.trials)
    converted = [TPESampler(space, 0).to_optuna(trial, history) for trial in found.trials]
    assert [trial.state for trial in converted] == [
        TrialState.PRUNED,
        TrialState.PRUNED,
        TrialState.FAIL,
        TrialState.PRUNED,
    ]
    assert converted[0].intermediate_values == {10: 0.3, 20: 0.8}
    # Its best is still where this search begins.
    assert found.start is not None
    assert found.start["weights.gan"] == 3.0


def test_values_of_other_data_never_pass_for_this_studys(tmp_path: Path, base: Config) -> None:
    """However much is known of what going further brings: those values were measured on other clips."""
    other_study(tmp_path, base, preset="compact")
    space = search_space(base)
    found = imported_history(find_imported("other", "toy", tmp_path, None, Goal()), study_row(base), space, Goal())
    own = [trial_row(base, number, state=COMPLETE, value=0.3, step=20, key=f"own-{number}") for number in range(4)]
    curves = {**found.curves, **{trial.key: {10: Score((0.2,)), 20: Score((0.3,))} for trial in own}}
    history = SearchHistory(own, curves, found.trials)
    converted = [TPESampler(space, 0).to_optuna(trial, history) for trial in found.trials]
    assert TrialState.COMPLETE not in {trial.state for trial in converted}


def test_the_same_counts_as_complete(tmp_path: Path, base: Config) -> None:
    other_study(tmp_path, base)
    space = search_space(base)
    found = imported_history(find_imported("other", "toy", tmp_path, None, Goal()), study_row(base), space, Goal())
    converted = [
        TPESampler(space, 0).to_optuna(trial, SearchHistory([], found.curves, found.trials)) for trial in found.trials
    ]
    assert [trial.value for trial in converted if trial.state is TrialState.COMPLETE] == [0.8, 0.5]
    assert converted[0].params.keys() == space.default().keys()


def test_this_studys_own_constraints_judge_them(tmp_path: Path, base: Config) -> None:
    other_study(tmp_path, base)
    goal = Goal(constraints=(parse_constraint("seconds_per_step <= 2"),))
    found = imported_history(
        find_imported("other", "toy", tmp_path, None, goal), study_row(base), search_space(base), goal
    )
    assert [trial.violation for trial in found.trials] == [0.5, 3.5, float("inf"), 0.0]
    assert found.start is not None
    assert found.start["weights.gan"] == 2.0


def test_a_start_outside_the_space_is_moved_in_or_left_out(tmp_path: Path, base: Config) -> None:
    other_study(tmp_path, base)
    rows = find_imported("other", "toy", tmp_path, None, Goal())
    space = search_space(base)
    narrow = replace(
        space, parameters=tuple(replace(p, high=2.5) if p.name == "weights.gan" else p for p in space.parameters)
    )
    start = imported_history(rows, study_row(base), narrow, Goal()).start
    assert start is not None
    assert start["weights.gan"] == 2.5
    gram = base.readings.gram
    for choices, fits in (((gram, "other"), True), (("this", "that"), False)):
        kinds = replace(space, parameters=(Parameter("readings.gram", "categorical", choices=choices),))
        start = imported_history(rows, study_row(base), kinds, Goal()).start
        assert start == ({"readings.gram": gram} if fits else None)


def searched(record: RecordWriter, base: Config, folder: Path, found: ImportedHistory, name: str, trials: int) -> None:
    space = search_space(base)
    plan = StudyPlan(
        "toy",
        [SampledTrials(space, create_sampler(name, space, 0), trials, 0, found)],
        create_pruner("none", 20, 5),
        folder,
        "tests.tuning.toy_trials:learn",
    )
    run_in_process(Engine(record, plan))


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name != "grid"])
def test_the_search_begins_with_the_best_and_then_the_default_and_counts_neither(
    name: str, record: RecordWriter, base: Config, tmp_path: Path
) -> None:
    other_study(tmp_path, base)
    rows = find_imported("other", "toy", tmp_path, None, Goal())
    record.add_imported(rows)
    found = imported_history(rows, record.study("toy"), search_space(base), Goal())
    searched(record, base, tmp_path / "toy", found, name, 2)
    # Restarted, with the other study gone, it goes on as it would have.
    again = imported_history(
        find_imported(None, "toy", tmp_path, None, Goal()), record.study("toy"), search_space(base), Goal()
    )
    assert again == found
    searched(record, base, tmp_path / "toy", again, name, 4)
    trials = of_role(record.trials("toy"), TRIAL)
    assert [trial.key for trial in trials] == [f"trial-{number:04d}" for number in range(4)]
    assert trials[0].params["weights.gan"] == 3.0
    assert dict(trials[1].params) == search_space(base).default()
    assert len({str(trial.params) for trial in trials}) == 4
    content = summary(record, "toy")
    assert len(content["trials"]) == 4
    assert content["imported"] == {"other": 4}
    with RecordReader(tmp_path / "toy" / "record.db") as records:
        assert len(records.trials("toy")) == 4


def test_a_warm_start_given_later_still_tries_the_best(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    other_study(tmp_path, base)
    searched(record, base, tmp_path / "toy", ImportedHistory(), "tpe", 1)
    found = imported_history(
        find_imported("other", "toy", tmp_path, None, Goal()), record.study("toy"), search_space(base), Goal()
    )
    searched(record, base, tmp_path / "toy", found, "tpe", 2)
    assert [trial.params["weights.gan"] for trial in record.trials("toy")] == [base.weights.gan, 3.0]


def test_imported_trials_of_equal_accuracy_are_told_in_the_order_of_their_log_likelihoods(
    tmp_path: Path, base: Config
) -> None:
    """The third trial has no log-likelihood, as one recorded before it was."""
    with RecordWriter(tmp_path / "other" / "record.db") as record:
        record.create_study(study_row(base, "other"))
        for number, likelihood in enumerate(({LOG_LIKELIHOOD: -0.2}, {LOG_LIKELIHOOD: -0.1}, {})):
            row = record.add_trial(trial_row(base, number, study="other"))
            record.begin("other", row.key)
            record.report("other", row.key, 1, 20, {ACCURACY: 0.75, **likelihood})
            record.finish("other", row.key, 1, COMPLETE)
    space = search_space(base)
    found = imported_history(find_imported("other", "toy", tmp_path, None, Goal()), study_row(base), space, Goal())
    history = SearchHistory([], found.curves, found.trials)
    second, first, last = (TPESampler(space, 0).to_optuna(trial, history) for trial in found.trials)
    assert first.value > second.value > last.value == 0.75
    assert [trial.intermediate_values for trial in (first, second, last)] == [
        {20: trial.value} for trial in (first, second, last)
    ]
