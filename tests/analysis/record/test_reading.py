from __future__ import annotations

import math
import sqlite3
from pathlib import Path

import pytest

from amc.config import natops
from amc.errors import UserError
from analysis.record.connection.address import database_url
from analysis.record.json_columns import dumps, metrics_from
from analysis.record.reading import RecordReader
from analysis.record.rows import StudyRow, TrialRow
from analysis.record.schema import SCHEMA_VERSION, VERSIONS
from analysis.record.writing import RecordWriter


def make(path: Path) -> None:
    config = natops("smoke").to_dict()
    with RecordWriter(path) as record:
        record.create_study(StudyRow("s", "", "search", "smoke", 3, {"name": "x"}, config, {}, {}, {}, 0.0))
        record.add_trial(TrialRow("s", "trial-0000", "trial", 0, None, "WAITING", {"weights.gan": 2.0}, config, 7, 40))
        record.begin("s", "trial-0000")
        record.report("s", "trial-0000", 1, 20, {"val/accuracy": 0.5, "loss/gan": 3.0})
        record.report("s", "trial-0000", 1, 10, {"val/accuracy": 0.25})
        record.finish("s", "trial-0000", 1, "COMPLETE", value=0.5, scores={"test/accuracy": 0.4})


def test_reads_what_was_written(tmp_path: Path) -> None:
    make(tmp_path / "record.db")
    with RecordReader(tmp_path / "record.db") as records:
        study = records.study("s")
        assert (study.seed, study.dataset, len(study.uid)) == (3, {"name": "x"}, 32)
        (trial,) = records.trials("s")
        assert trial == records.trial("s", "trial-0000")
        assert (trial.state, trial.value, trial.step, trial.attempts) == ("COMPLETE", 0.5, 20, 1)
        assert dict(trial.scores) == {"test/accuracy": 0.4}
        assert records.curves("s") == {"trial-0000": {10: 0.25, 20: 0.5}}
        assert list(records.curves("s")["trial-0000"]) == [10, 20]
        assert records.curves("s", "loss/gan") == {"trial-0000": {20: 3.0}}
        assert [point.step for point in records.points("s")] == [20, 10]


def test_numbers_that_are_not_finite_survive() -> None:
    kept = metrics_from(dumps({"a": math.nan, "b": math.inf, "c": -math.inf, "d": 1.5}))
    assert math.isnan(kept["a"])
    assert (kept["b"], kept["c"], kept["d"]) == (math.inf, -math.inf, 1.5)


def test_unknown_names_are_errors(tmp_path: Path) -> None:
    make(tmp_path / "record.db")
    with RecordReader(tmp_path / "record.db") as records:
        with pytest.raises(UserError, match="no study 'other'"):
            records.study("other")
        with pytest.raises(UserError, match="has no trial 'trial-0009': it has trial-0000"):
            records.trial("s", "trial-0009")


def test_other_files_are_refused_and_left_unchanged(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no study record"):
        RecordReader(tmp_path / "missing.db")
    assert not (tmp_path / "missing.db").exists()
    text = tmp_path / "text.db"
    text.write_text("hello, I am a letter, and long enough to be looked at" * 100)
    with pytest.raises(UserError, match="file is not a database"):
        RecordReader(text)
    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as connection:
        connection.execute("create table songs (name text)")
    for opener in (RecordReader, RecordWriter):
        with pytest.raises(UserError, match="is not a study record"):
            opener(foreign)
    with pytest.raises(UserError, match="is not the address of a study record"):
        database_url("://")


@pytest.mark.parametrize("version", [SCHEMA_VERSION + 1, VERSIONS[0] - 1])
def test_another_schema_version_is_one_error_line_and_changes_nothing(tmp_path: Path, version: int) -> None:
    path = tmp_path / "record.db"
    make(path)
    with sqlite3.connect(path) as connection:
        connection.execute("update amc_schema set version = ?", (version,))
    before = path.read_bytes()
    for opener in (RecordReader, RecordWriter):
        with pytest.raises(UserError, match=f"has schema version {version}, this program reads version") as error:
            opener(path)
        assert "\n" not in str(error.value)
    assert path.read_bytes() == before
