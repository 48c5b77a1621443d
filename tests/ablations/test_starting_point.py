"""An ablation starts from the best configuration of a search, and keeps it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ablations.merge_arms import study_on_record
from ablations.starting_point import StartingPoint, starting_point
from amc.config import Config, natops, with_overrides
from amc.errors import UserError
from amc.methods import load_config
from analysis.record.rows import StudyRow
from analysis.record.writing import RecordWriter
from tests.tuning.toy_rows import study_row, trial_row

MINE = natops("smoke")


def search(folder: Path, name: str, *found: tuple[float | None, dict[str, Any]], **row: Any) -> None:
    """A search on record whose trials ended with these scores (None: failed) and changes of `MINE`."""
    with RecordWriter(folder / name / "record.db") as record:
        record.create_study(replace(study_row(MINE, name), **row))
        for number, (value, changes) in enumerate(found):
            config = with_overrides(MINE, {"seed": number, **changes})
            trial = trial_row(config, number, study=name)
            record.add_trial(trial)
            record.begin(name, trial.key)
            state = "FAILED" if value is None else "COMPLETE"
            record.finish(name, trial.key, 1, state, value=value)


def begun(found: StartingPoint, name: str = "arms") -> StudyRow:
    settings = {"from_study": "s", **found.settings()}
    return replace(study_row(found.config, name), kind="table4", settings=settings)


def test_the_best_of_the_search(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    search(tmp_path, "s", (0.4, {"weights.l1": 5.0}), (0.9, {"weights.l1": 7.0}), (None, {"weights.l1": 9.0}))
    found = starting_point(tmp_path, None, "s", MINE, None)
    assert (found.config.weights.l1, found.trial, found.restored) == (7.0, "trial-0001", ())
    assert found.config == with_overrides(MINE, {"seed": 1, "weights.l1": 7.0})
    assert capsys.readouterr().err == ""


def test_parts_that_it_had_switched_off_are_put_back_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    off = {"switches.lrank": False, "switches.da": False, "weights.l1": 7.0}
    search(tmp_path, "s", (0.9, off))
    found = starting_point(tmp_path, None, "s", MINE, None)
    assert found.config.switches == MINE.switches
    assert found.config.weights.l1 == 7.0
    assert found.restored == ("da", "lrank")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("trial-0000, the best trial of s, was trained with different values of da, lrank")


def test_a_study_on_record_stays_where_it_began(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    search(tmp_path, "s", (0.4, {"weights.l1": 5.0, "switches.dm": False}))
    known = begun(starting_point(tmp_path, None, "s", MINE, None))
    capsys.readouterr()
    assert starting_point(tmp_path, None, "s", MINE, known) == StartingPoint(
        load_config(known.config), "trial-0000", ("dm",)
    )
    assert capsys.readouterr().err == ""
    search(tmp_path, "more", (0.9, {"weights.l1": 7.0}))
    (tmp_path / "s" / "record.db").unlink()
    assert starting_point(tmp_path, None, "s", MINE, known).config == load_config(known.config)  # the search is gone
    search(tmp_path, "s", (0.4, {"weights.l1": 5.0}), (0.9, {"weights.l1": 7.0}))
    assert starting_point(tmp_path, None, "s", MINE, known).config.weights.l1 == 5.0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "arms keeps the configuration that it started from, although trial-0001 is the best trial of s now"
    )
    # A study that started from another search, or from none, is compared with the best of this one.
    assert (
        starting_point(tmp_path, None, "s", MINE, replace(known, settings={"from_study": None})).config.weights.l1
        == 7.0
    )


@pytest.mark.parametrize(
    ("mine", "said"),
    [
        (natops("compact"), r"searched natops at preset smoke.*\(.*preset.*model.size"),
        (
            with_overrides(MINE, {"split.rule": "random"}),
            r"split by subject: give the same data options \(split differ\)",
        ),
    ],
)
def test_a_search_of_other_data_is_refused(tmp_path: Path, mine: Config, said: str) -> None:
    search(tmp_path, "s", (0.9, {}))
    with pytest.raises(UserError, match=said):
        starting_point(tmp_path, None, "s", mine, None)


def test_a_search_of_other_widths_is_none_of_other_data(tmp_path: Path) -> None:
    search(tmp_path, "s", (0.9, {"model.noise": 64}))
    assert starting_point(tmp_path, None, "s", MINE, None).config.model.noise == 64


def test_what_is_no_search_or_has_no_trial_is_one_line(tmp_path: Path) -> None:
    search(tmp_path, "arms", (0.9, {}), kind="table4")
    search(tmp_path, "failed", (None, {}))
    for name, said in (
        ("arms", "study 'arms' is not a search \\(table4\\)"),
        ("failed", "study 'failed' has no complete trial yet"),
        ("none", "there is no such study in .*record.db; give the name of a search in --out"),
    ):
        with pytest.raises(UserError, match=said):
            starting_point(tmp_path, None, name, MINE, None)


def test_what_the_record_has_of_a_study(tmp_path: Path) -> None:
    search(tmp_path, "s", (0.9, {}))
    found = study_on_record(tmp_path / "s" / "record.db", "s")
    assert found is not None
    assert found.name == "s"
    assert study_on_record(tmp_path / "s" / "record.db", "other") is None
    assert study_on_record(tmp_path / "none" / "record.db", "s") is None
