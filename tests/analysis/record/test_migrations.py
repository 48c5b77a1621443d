"""Records of earlier schema versions become this one's, whole or not at all."""

from __future__ import annotations

import math
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from amc.errors import UserError
from analysis.record import migrations as record_migrations
from analysis.record.migrations import MIGRATIONS
from analysis.record.mlflow_cursor import Projected
from analysis.record.reading import Records, Score, StudyRow, TrialRow
from analysis.record.schema import SCHEMA_VERSION, connect, database_url, metadata
from analysis.record.sheets import SheetRow
from analysis.record.writing import Record
from tests.analysis.record import version_1, version_2
from tests.analysis.record.version_1 import THIRD
from tests.tuning.postgres import running

SMOKE = {"preset": "smoke"}
ACCURACY = "val/accuracy"

STUDY = StudyRow(
    "old",
    "0123456789abcdef",
    "search",
    "smoke",
    2**53 + 1,
    {"name": "toy", "origin": "procedural"},
    SMOKE,
    {"fixed": {}},
    {"trials": 4},
    {"toy": "1"},
    12.5,
    {"objectives": ["accuracy"], "constraints": []},
)


def trial(key: str, role: str, number: int, parent: str | None, state: str, **rest: object) -> TrialRow:
    return TrialRow("old", key, role, number, parent, state, **{"config": SMOKE, "budget": 20, "created": 1.0, **rest})  # type: ignore[arg-type]


TRIALS = [
    trial("trial-0000", "trial", 0, None, "COMPLETE", params={"weights.gan": 2.0}, seed=3_000_000_000, step=20,
          value=THIRD, values={ACCURACY: THIRD}, scores={"test/accuracy": 0.5}, attempts=2, seconds=3.5, reason="lost",
          mlflow_run_id="run-1", started=2.0, ended=3.0),
    trial("trial-0001", "trial", 1, None, "PRUNED", params={"weights.gan": 0.5}, seed=1, step=10, attempts=1,
          seconds=1.0, started=2.0, ended=3.0),
    trial("trial-0002", "trial", 2, None, "WAITING", params={}, seed=2),
    trial("confirm-0000", "confirm", 0, "trial-0000", "FAILED", params={}, seed=500_000, attempts=3, stalls=3,
          seconds=0.5, reason="it's diverged", started=2.0, ended=3.0),
]  # fmt: skip


def check(address: str, opened: Callable[[str], Records]) -> None:
    """The record at `address`, of version 1, comes out equal, and goes on as one of this version."""
    with opened(address) as records:
        assert records.studies() == [STUDY]
        assert records.trials("old") == TRIALS
        assert records.curves("old")["trial-0000"] == {10: 0.25, 20: THIRD}
        judged = records.judged("old")
        assert judged["trial-0000"] == {10: Score((0.25,)), 20: Score((THIRD,))}
        assert math.isnan(judged["trial-0001"][10].values[0])
        assert [point.timestamp - 1_790_000_000_000 for point in records.points("old")] == [0, 1, 2]
        assert records.points("old")[0].metrics == {"loss/gan": math.inf, ACCURACY: 0.25}
        assert records.imported("old") == []
    with Record(address) as record:
        assert record.projected("old", "sqlite:///m") == {"trial-0000": Projected("run-1", 3, True, False, "FINISHED")}
        attempt = record.begin("old", "trial-0002").attempts
        assert record.report(
            "old", "trial-0002", attempt, 5, {"a": 1.0, "b": 2.0}, objectives=["b", "a"], violation=0.5
        )
        row = record.trial("old", "trial-0002")
        assert (row.value, list(row.values.items()), row.violation) == (2.0, [("b", 2.0), ("a", 1.0)], 0.5)
        record.release("old", "trial-0002", attempt, "out of memory", alone=True)
        assert record.trial("old", "trial-0002").alone


def check_second(address: str, opened: Callable[[str], Records]) -> None:
    """The record at `address`, of version 2, comes out equal, and takes score sheets."""
    values = {ACCURACY: THIRD, "val/appearance": 0.75}
    with opened(address) as records:
        goal = {"constraints": ["loss/gan <= 2"], "objectives": ["accuracy", "appearance"]}
        assert records.studies() == [replace(STUDY, kind="table4", space={}, settings={"seeds": 1}, goal=goal)]
        assert records.trials("old") == [
            trial("ours-seed-0", "trial", 0, None, "COMPLETE", params={"arm": "ours"}, seed=3_000_000_000, step=20,
                  value=THIRD, values=values, scores={"test/accuracy": 0.5, "test/clips": 8.0}, attempts=2, seconds=3.5,
                  reason="lost", mlflow_run_id="run-1", started=2.0, ended=3.0, violation=0.125, alone=True),
            trial("no_ya-seed-0", "trial", 1, None, "WAITING", params={"arm": "no_ya"}, seed=2, attempts=1,
                  started=2.0),
        ]  # fmt: skip
        (point,) = records.points("old")
        assert point.metrics == {"loss/gan": math.inf, ACCURACY: THIRD}
        assert records.judged("old")["ours-seed-0"] == {20: Score((THIRD, 0.75), 0.125)}
        (row,) = records.imported("old")
        assert (row.source, row.number, row.curve) == ("older", 3, {10: {ACCURACY: 0.25}})
        assert records.sheets("old") == records.scored("old") == {}
    with Record(address) as record:
        copied = Projected("run-1", 1, True, True, "FINISHED")
        assert record.projected("old", "sqlite:///m") == {"ours-seed-0": copied}
        sheet = SheetRow("old", "ours-seed-0", "scorer", THIRD, {"version": 1, "label": [1, 2]})
        record.score(sheet, {"test/accuracy": 0.25})
        assert record.sheets("old") == {"ours-seed-0": sheet}
        assert record.trial("old", "ours-seed-0").scores == {"test/accuracy": 0.25}
        record.project("old", "sqlite:///m", {"ours-seed-0": replace(copied, scored=THIRD)})
        assert record.projected("old", "sqlite:///m")["ours-seed-0"].scored == THIRD
        record.delete_study("old")
        assert record.sheets("old") == {}


def shape(address: str) -> dict[str, object]:
    engine = connect(database_url(address))
    look = sa.inspect(engine)
    found: dict[str, object] = {}
    for table in sorted(look.get_table_names()):
        columns = {c["name"]: (str(c["type"]), c["nullable"]) for c in look.get_columns(table)}
        keys = sorted(
            (tuple(key["constrained_columns"]), key["referred_table"]) for key in look.get_foreign_keys(table)
        )
        primary = sorted(look.get_pk_constraint(table)["constrained_columns"])
        found[table] = (columns, keys, primary)
    engine.dispose()
    return found


@pytest.mark.parametrize("opened", [Record, Records])
def test_a_record_of_version_1_comes_out_equal(opened: Callable[[str], Records], tmp_path: Path) -> None:
    path = str(tmp_path / "record.db")
    version_1.make(path)
    check(path, opened)
    Record(tmp_path / "new.db").close()
    assert shape(path) == shape(str(tmp_path / "new.db"))


@pytest.mark.parametrize("opened", [Record, Records])
def test_a_record_of_version_2_comes_out_equal(opened: Callable[[str], Records], tmp_path: Path) -> None:
    path = str(tmp_path / "record.db")
    version_2.make(path)
    check_second(path, opened)
    Record(tmp_path / "new.db").close()
    assert shape(path) == shape(str(tmp_path / "new.db"))


@pytest.mark.slow
def test_on_a_server_too() -> None:
    with running() as server:
        for number, opened in enumerate((Record, Records)):
            url = server.database(f"second{number}")
            version_2.make(url)
            check_second(url, opened)
        for number, opened in enumerate((Record, Records)):
            url = server.database(f"old{number}")
            version_1.make(url)
            check(url, opened)
        new = server.database("new")
        Record(new).close()
        assert shape(url) == shape(new)


def test_a_process_that_dies_in_the_middle_leaves_the_old_version(tmp_path: Path) -> None:
    path = tmp_path / "record.db"
    version_1.make(str(path))
    before = dump(path)
    script = textwrap.dedent(f"""
        import os, sys
        sys.path[:0] = {sys.path!r}
        from dataclasses import replace
        from analysis.record import migrations as record_migrations
        from analysis.record.writing import Record
        first = record_migrations.MIGRATIONS[0]
        def die(connection):
            first.fill(connection)
            os.kill(os.getpid(), 9)
        record_migrations.MIGRATIONS = (replace(first, fill=die),)
        Record({str(path)!r})
    """)
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    assert dump(path) == before
    check(str(path), Record)


def test_two_that_open_it_at_once_migrate_it_once(tmp_path: Path) -> None:
    path = str(tmp_path / "record.db")
    version_1.make(path)
    script = (
        f"import sys; sys.path[:0] = {sys.path!r}; from analysis.record.writing import Record; Record({path!r}).close()"
    )
    racers = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(3)]
    assert [racer.wait() for racer in racers] == [0, 0, 0]
    check(path, Record)


def test_one_that_cannot_be_written_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "record.db"
    version_1.make(str(path))

    def refused(*_: object) -> int:
        raise sa.exc.OperationalError("ALTER", {}, sqlite3.OperationalError("attempt to write a readonly database"))

    monkeypatch.setattr("analysis.record.schema.migrate", refused)
    with pytest.raises(UserError, match=r"is of schema 1 and must become 3 before .*readonly database.: open it once"):
        Records(path)


@pytest.mark.parametrize("version", [0, SCHEMA_VERSION + 1])
def test_an_unknown_version_is_refused_and_left_alone(version: int, tmp_path: Path) -> None:
    path = tmp_path / "record.db"
    version_1.make(str(path))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE amc_schema SET version = ?", (version,))
    connection.close()
    before = dump(path)
    for opened in (Record, Records):
        with pytest.raises(UserError, match=rf"schema .{version}; this program knows {SCHEMA_VERSION}"):
            opened(path)
    assert dump(path) == before


def test_every_version_has_its_row() -> None:
    assert [migration.version for migration in MIGRATIONS] == list(range(2, SCHEMA_VERSION + 1))
    assert set(record_migrations.MIGRATIONS[-1].columns) <= set(metadata.tables)


def dump(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()
