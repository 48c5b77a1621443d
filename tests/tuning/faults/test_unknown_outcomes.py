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
from analysis.record.access import Writable
from analysis.record.mlflow_cursor import Projected, Projections
from analysis.record.reading import ImportedRow
from analysis.record.sheets import SheetRow
from analysis.record.writing import Record
from tests.tuning.toy_rows import study_row, trial_row

KEY, RUNNING_KEY = "trial-0000", "trial-0001"


def imported(base: Config) -> ImportedRow:
    curve = {5: {"val/accuracy": 0.5}}
    return ImportedRow("toy", "before", KEY, "0" * 32, 0, "COMPLETE", "smoke", {}, base.to_dict(), 20, curve)


def adopt(record: Record) -> None:
    record.adopt("toy")  # what it returns is for people: the second time there is nobody left to adopt


ACTIONS: dict[str, Callable[[Record, Config], Any]] = {
    "create_study": lambda record, base: record.create_study(study_row(base, "second")).name,
    "add_imported": lambda record, base: record.add_imported([imported(base)]),
    "change_study": lambda record, base: record.change_study(
        "toy", ["loss/gan"], lambda metrics: 0.5, goal={"objectives": ["loss/gan"]}
    ),
    "update_study": lambda record, base: record.update_study("toy", settings={"trials": 9}),
    "delete_study": lambda record, base: record.delete_study("toy"),
    "add_trial": lambda record, base: record.add_trial(trial_row(base, 2)).key,
    "begin": lambda record, base: record.begin("toy", KEY).attempts,
    "started": lambda record, base: record.started("toy", RUNNING_KEY, 1),
    "report": lambda record, base: record.report("toy", RUNNING_KEY, 1, 5, {"val/accuracy": 0.5}),
    "finish": lambda record, base: record.finish("toy", RUNNING_KEY, 1, "COMPLETE", value=0.5),
    "score": lambda record, base: record.score(
        SheetRow("toy", KEY, "scorer", 1.0, {"version": 1}), {"test/accuracy": 0.5}
    ),
    "release": lambda record, base: record.release("toy", RUNNING_KEY, 1, "killed", stalled=True),
    "adopt": lambda record, base: adopt(record),
    "project": lambda record, base: record.project("toy", "http://there", {KEY: Projected("run", cursor=3)}),
}
VOLATILE = ("uid", "created", "started", "ended", "seconds", "timestamp", "config")


def content(record: Record) -> Any:
    """Everything that is on record, but for clocks and random ids."""
    rows = [*record.studies(), *record.trials("toy"), *record.points("toy"), *record.imported("toy")]
    plain = [{name: value for name, value in asdict(row).items() if name not in VOLATILE} for row in rows]
    plain += [asdict(row) for row in record.sheets("toy").values()]
    return plain, {target: record.projected("toy", target) for target in record.targets("toy")}


def broken() -> sa.exc.OperationalError:
    return sa.exc.OperationalError("COMMIT", {}, Exception("server closed the connection unexpectedly"))


def breaking(record: Record, times: int, *, committed: bool) -> Callable[[], Any]:
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


def prepared(record: Record, base: Config) -> None:
    record.add_trial(trial_row(base))
    record.add_trial(trial_row(base, 1))
    record.begin("toy", RUNNING_KEY)


def writers() -> set[str]:
    """The methods of a record that write."""
    reads = {"close", "driving", "stages", "targets", "projected"}
    methods = {**vars(Writable), **vars(Projections), **vars(Record)}
    return {name for name, value in methods.items() if callable(value) and not name.startswith("_")} - reads


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
        with Record(tmp_path_factory.mktemp("record") / "record.db") as record:
            record.create_study(study_row(base))
            prepared(record, base)
            record.patience = 60.0
            monkeypatch.setattr(record, "_write", breaking(record, times, committed=committed))
            found.append((ACTIONS[action](record, base), content(record)))
    assert found[0] == found[1]


def test_an_attempt_of_somebody_else_is_never_taken_for_ones_own(record: Record, base: Config) -> None:
    prepared(record, base)
    with pytest.raises(ValueError, match="not waiting"):
        record.begin("toy", RUNNING_KEY)


def test_patience_ends(record: Record, base: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared(record, base)
    record.patience = 0.3
    monkeypatch.setattr(record, "_write", breaking(record, 10**6, committed=False))
    with pytest.raises(UserError, match=r"cannot use the study record .*server closed the connection"):
        record.begin("toy", KEY)
    assert record.patience == 0.0  # an orderly end does not wait again at every call
    monkeypatch.undo()
    assert record.begin("toy", KEY).attempts == 1
