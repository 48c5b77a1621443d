"""A connection that breaks in a commit leaves open whether it was one: every method may be carried out twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import pytest
import sqlalchemy as sa

from amc.config import Config
from amc.errors import UserError
from analysis.record.rows import ImportedRow, MlflowCursor, SheetRow
from analysis.record.study_writing import StudyWriter
from analysis.record.writable import WritableRecord
from analysis.record.writing import RecordWriter
from tests.tuning.toy_rows import study_row, trial_row

KEY, RUNNING_KEY = "trial-0000", "trial-0001"


def imported(base: Config) -> ImportedRow:
    curve = {5: {"val/accuracy": 0.5}}
    return ImportedRow("toy", "before", KEY, "0" * 32, 0, "COMPLETE", "smoke", {}, base.to_dict(), 20, curve)


def adopt(record: RecordWriter) -> None:
    record.requeue_running("toy")  # what it returns is for people: the second time there is nobody left to adopt


ACTIONS: dict[str, Callable[[RecordWriter, Config], Any]] = {
    "create_study": lambda record, base: record.create_study(study_row(base, "second")).name,
    "add_imported": lambda record, base: record.add_imported([imported(base)]),
    "change_goal": lambda record, base: record.change_goal(
        "toy", ["loss/gan"], lambda metrics: 0.5, goal={"objectives": ["loss/gan"]}
    ),
    "update_study": lambda record, base: record.update_study("toy", settings={"trials": 9}),
    "delete_study": lambda record, base: record.delete_study("toy"),
    "add_trial": lambda record, base: record.add_trial(trial_row(base, 2)).key,
    "begin": lambda record, base: record.begin("toy", KEY).attempts,
    "mark_started": lambda record, base: record.mark_started("toy", RUNNING_KEY, 1),
    "report": lambda record, base: record.report("toy", RUNNING_KEY, 1, 5, {"val/accuracy": 0.5}),
    "finish": lambda record, base: record.finish("toy", RUNNING_KEY, 1, "COMPLETE", value=0.5),
    "put_score_sheet": lambda record, base: record.put_score_sheet(
        SheetRow("toy", KEY, "scorer", 1.0, {"version": 1}), {"test/accuracy": 0.5}
    ),
    "release": lambda record, base: record.release("toy", RUNNING_KEY, 1, "killed", stalled=True),
    "requeue_running": lambda record, base: adopt(record),
    "set_mlflow_cursors": lambda record, base: record.set_mlflow_cursors(
        "toy", "http://there", {KEY: MlflowCursor("run", cursor=3)}
    ),
}
VOLATILE = ("uid", "created", "started", "ended", "seconds", "timestamp", "config")


def content(record: RecordWriter) -> Any:
    """Everything that is on record, but for clocks and random ids."""
    rows = [*record.studies(), *record.trials("toy"), *record.points("toy"), *record.imported("toy")]
    plain = [{name: value for name, value in asdict(row).items() if name not in VOLATILE} for row in rows]
    plain += [asdict(row) for row in record.score_sheets("toy").values()]
    return plain, {target: record.mlflow_cursors("toy", target) for target in record.mlflow_targets("toy")}


def broken() -> sa.exc.OperationalError:
    return sa.exc.OperationalError("COMMIT", {}, Exception("server closed the connection unexpectedly"))


def breaking(record: RecordWriter, times: int, *, committed: bool) -> Callable[[], Any]:
    """A way to write whose connection breaks so many times, before or after the commit."""
    write, left = record._write, [times]

    @contextmanager
    def patched() -> Iterator[sa.Connection]:
        if left[0] > 0 and not committed:
            left[0] -= 1
            raise broken()
        with write() as connection:
            yield connection
        if left[0] > 0:
            left[0] -= 1
            raise broken()

    return patched


def prepared(record: RecordWriter, base: Config) -> None:
    record.add_trial(trial_row(base))
    record.add_trial(trial_row(base, 1))
    record.begin("toy", RUNNING_KEY)


def writers() -> set[str]:
    """The methods of a record that write."""
    methods = {**vars(WritableRecord), **vars(StudyWriter), **vars(RecordWriter)}
    return {name for name, value in methods.items() if callable(value) and not name.startswith("_")} - {"lock_study"}


def test_no_method_is_left_out() -> None:
    assert set(ACTIONS) == writers()


@pytest.mark.parametrize("committed", [True, False], ids=["committed", "not committed"])
@pytest.mark.parametrize("action", ACTIONS)
def test_a_repeated_write_is_one_write(
    action: str,
    committed: bool,
    tmp_path_factory: pytest.TempPathFactory,
    base: Config,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = []
    for times in (0, 2):
        with RecordWriter(tmp_path_factory.mktemp("record") / "record.db") as record:
            record.create_study(study_row(base))
            prepared(record, base)
            record.patience = 60.0
            monkeypatch.setattr(record, "_write", breaking(record, times, committed=committed))
            found.append((ACTIONS[action](record, base), content(record)))
    assert found[0] == found[1]


def test_an_attempt_of_somebody_else_is_never_taken_for_ones_own(record: RecordWriter, base: Config) -> None:
    prepared(record, base)
    with pytest.raises(ValueError, match="not waiting"):
        record.begin("toy", RUNNING_KEY)


def test_patience_ends(record: RecordWriter, base: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared(record, base)
    record.patience = 0.3
    monkeypatch.setattr(record, "_write", breaking(record, 10**6, committed=False))
    with pytest.raises(UserError, match=r"cannot use the study record .*server closed the connection"):
        record.begin("toy", KEY)
    assert record.patience == 0.0  # an orderly end does not wait again at every call
    monkeypatch.undo()
    assert record.begin("toy", KEY).attempts == 1
