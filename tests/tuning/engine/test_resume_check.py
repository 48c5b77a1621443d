"""A study on record and a command that asks for another space, base or goal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from amc.config import Config, with_overrides
from amc.errors import UserError
from analysis.record.rows import StudyRow
from analysis.record.states import COMPLETE
from analysis.record.writing import RecordWriter
from tests.tuning.toy_rows import trial_row
from tuning.engine.resume_check import create_or_resume
from tuning.search.constraints import parse_constraint
from tuning.search.default_space import search_space
from tuning.search.goal import Goal
from tuning.search.objectives import parse_objectives

SPACE = {
    "weights.rank": {"kind": "log", "low": 1.0, "high": 100.0},
    "weights.l1": {"kind": "float", "low": 0.5, "high": 1.5},
    "switches.lgaux": {"kind": "bool", "prior": 0.9},
}


def row(base: Config, folder: Path, goal: Goal | None = None, fixed: dict[str, object] | None = None,
        **parameters: object) -> StudyRow:  # fmt: skip
    file = folder / "space.json"
    content = {"only": True, "fixed": fixed or {}, "parameters": SPACE | parameters}
    file.write_text(json.dumps({**content, "parameters": {k: v for k, v in (SPACE | parameters).items() if v}}))
    space = search_space(base, file)
    return StudyRow(
        "kept",
        "",
        "search",
        "smoke",
        0,
        {"name": "toy", "origin": "procedural", "fingerprint": "f" * 64},
        space.base.to_dict(),
        space.to_dict(),
        {"trials": 4},
        {"toy": "1"},
        0.0,
        (goal or Goal()).to_dict(),
    )


def test_the_same_again_changes_nothing(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    for _ in range(2):
        assert create_or_resume(record, row(base, tmp_path)).settings == {"trials": 4}
    assert create_or_resume(record, row(base, tmp_path), allow=True).settings == {"trials": 4}


def test_a_study_from_before_the_mixed_mini_batch_is_not_continued_with_it(
    record: RecordWriter, base: Config, tmp_path: Path
) -> None:
    wanted = row(base, tmp_path)
    readings = {name: value for name, value in wanted.config["readings"].items() if name != "generator_rows"}
    create_or_resume(record, replace(wanted, config={**wanted.config, "readings": readings}))
    with pytest.raises(UserError, match=r"base readings\.generator_rows: generated → mixed"):
        create_or_resume(record, wanted)


def test_the_versions_of_the_last_command_are_kept_beside_the_first(
    record: RecordWriter, base: Config, tmp_path: Path
) -> None:
    first = row(base, tmp_path)
    create_or_resume(record, first)
    later = replace(first, versions={"toy": "2", "git": "89abcde"})
    assert create_or_resume(record, later).settings == {"trials": 4, "versions_last": {"toy": "2", "git": "89abcde"}}
    known = record.study("kept")
    assert (known.versions, known.settings["versions_last"]) == ({"toy": "1"}, {"toy": "2", "git": "89abcde"})
    create_or_resume(record, first)
    assert record.study("kept").settings == {"trials": 4}


def test_settings_are_joined_where_a_study_says_how(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    def most(known: Mapping[str, Any], wanted: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**wanted, "trials": max(known["trials"], wanted["trials"])}

    wanted = row(base, tmp_path)
    for trials, found in ((4, 4), (9, 9), (2, 9)):
        assert create_or_resume(record, replace(wanted, settings={"trials": trials}), merge=most).settings == {
            "trials": found
        }
        assert record.study("kept").settings == {"trials": found}


@pytest.mark.parametrize("allow", [False, True])
def test_another_split_is_refused_whatever_is_allowed(
    record: RecordWriter, base: Config, tmp_path: Path, allow: bool
) -> None:
    def divided(rule: str) -> StudyRow:
        known = row(with_overrides(base, {"split.rule": rule}), tmp_path)
        return replace(known, dataset={**known.dataset, "split": {"rule": rule, "seed": 0, "test": 8}})

    create_or_resume(record, divided("subject"))
    with pytest.raises(UserError) as refused:
        create_or_resume(record, divided("random"), allow=allow)
    assert "(data split.rule: 'subject' → 'random'; base split.rule: subject → random)" in str(refused.value)


def test_another_space_is_refused_with_the_difference_and_the_way_on(
    record: RecordWriter, base: Config, tmp_path: Path
) -> None:
    create_or_resume(record, row(base, tmp_path))
    changed = row(
        with_overrides(base, {"weights.gan": 2.5}),
        tmp_path,
        Goal(parse_objectives("accuracy,appearance"), (parse_constraint("seconds_per_step <= 0.5"),)),
        {"training.steps": 30},
        **{
            "weights.rank": {"kind": "log", "low": 1.0, "high": 1000.0, "prior": 30.0},
            "weights.l1": None,
            "switches.lgaux": {"kind": "bool", "prior": 0.5},
            "readings.gram": {"kind": "categorical", "choices": ["spatial", "channel"], "when": ["switches.lgaux"]},
        },
    )
    with pytest.raises(UserError) as refused:
        create_or_resume(record, changed)
    assert str(refused.value) == (
        "study 'kept' already exists with different settings (objectives: accuracy → accuracy, appearance; "
        "constraints: none → time/step_seconds <= 0.5; switches.lgaux: bool prior 0.9 → bool prior 0.5; "
        "weights.rank: log 1..100 → log 1..1000 prior 30 (medium); "
        "added readings.gram (categorical {spatial, channel} when switches.lgaux); removed weights.l1; "
        "fixed training.steps: unset → 30; base weights.gan: 1 → 2.5): "
        "add --allow-space-change to change the study, or give another --study"
    )
    assert record.study("kept") == record.create_study(changed)
    assert record.study("kept").space == row(base, tmp_path).space
    settled = create_or_resume(record, changed, allow=True)
    (note,) = settled.settings["space_changes"]
    assert note["difference"] in str(refused.value)
    assert note["time"].endswith("+00:00")
    known = record.study("kept")
    assert (known.space, known.config, known.goal) == (changed.space, changed.config, changed.goal)
    assert known.settings == settled.settings
    # From now on this is the study, and the note stays; the way back is a change, too.
    assert create_or_resume(record, changed).settings == settled.settings
    with pytest.raises(UserError, match=r"weights\.rank: log 1\.\.1000 prior 30 \(medium\) → log 1\.\.100"):
        create_or_resume(record, row(base, tmp_path))
    assert len(create_or_resume(record, row(base, tmp_path), allow=True).settings["space_changes"]) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 5}, "seed: 0 → 5"),
        ({"preset": "compact"}, "preset: 'smoke' → 'compact'"),
        ({"kind": "table4"}, "kind: 'search' → 'table4'"),
        ({"dataset": {"name": "toy", "origin": "procedural", "fingerprint": "e" * 64}}, "data fingerprint: 'fff"),
    ],
)
def test_what_can_never_change(
    changes: dict[str, object], message: str, record: RecordWriter, base: Config, tmp_path: Path
) -> None:
    create_or_resume(record, row(base, tmp_path))
    with pytest.raises(UserError, match=message) as refused:
        create_or_resume(record, replace(row(base, tmp_path), **changes), allow=True)  # type: ignore[arg-type]
    assert str(refused.value).endswith("give another --study")
    assert "--allow-space-change" not in str(refused.value)


def test_another_goal_judges_every_report_again(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    create_or_resume(record, row(base, tmp_path))
    record.add_trial(trial_row(base, study="kept"))
    attempt = record.begin("kept", "trial-0000").attempts
    for step, seconds in ((20, 0.75), (10, 0.25)):
        metrics = {"val/accuracy": step / 100, "val/appearance": step / 50, "time/step_seconds": seconds}
        record.report("kept", "trial-0000", attempt, step, metrics)
    record.finish("kept", "trial-0000", attempt, COMPLETE)
    goal = Goal(parse_objectives("appearance,accuracy"), (parse_constraint("seconds_per_step <= 0.5"),))
    create_or_resume(record, row(base, tmp_path, goal), allow=True)
    trial = record.trial("kept", "trial-0000")
    assert trial.value == 0.4
    assert list(trial.values.items()) == [("val/appearance", 0.4), ("val/accuracy", 0.2)]
    assert trial.violation == 0.5
    judged = record.scores_by_step("kept")["trial-0000"]
    assert {step: (score.values, score.violation) for step, score in judged.items()} == {
        10: ((0.2, 0.1), 0.0),
        20: ((0.4, 0.2), 0.5),
    }
    create_or_resume(record, row(base, tmp_path), allow=True)
    assert (record.trial("kept", "trial-0000").value, record.trial("kept", "trial-0000").violation) == (0.2, None)
