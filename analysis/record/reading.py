"""The durable record of studies: its reader.

One database holds everything that a study is rebuilt from: which trials there are, how each stands, every metric it
reported, and how far the tracker has copied all that. `analysis.record.writing` writes it; whoever only wants to
know reads it
here. The default is one SQLite file a study; any SQLAlchemy address of a database server serves as well.
"""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from amc.errors import UserError
from analysis.record.database import answered, without_password
from analysis.record.rows import ImportedRow, Point, Score, SheetRow, StudyRow, TrialRow, scored
from analysis.record.schema import (
    VALUES,
    check_schema,
    connect,
    database_url,
    filled,
    imported_table,
    point_table,
    sheet_table,
    sqlite_path,
    study_table,
    trial_table,
)


class RecordReader:
    """Reads a record. Use as a context manager, or `close` it.

    Raises:
        UserError: on opening: there is none, it is something else, or it is of another schema version; later: the
            database does not answer.
    """

    patience = 0.0

    def __init__(self, address: str | Path) -> None:
        self.address = database_url(address)
        path = sqlite_path(self.address)
        if path is not None and not path.is_file():
            raise UserError(f"there is no study record at {path}")
        self.engine = connect(self.address)
        try:
            check_schema(self.engine, self.address)
        except UserError:
            self.engine.dispose()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives the database back."""
        self.engine.dispose()

    @answered
    def studies(self) -> list[StudyRow]:
        """All studies, the oldest first."""
        with self.engine.connect() as connection:
            rows = connection.execute(sa.select(study_table).order_by(study_table.c.created)).mappings()
            return [_study(row) for row in rows]

    @answered
    def study(self, name: str) -> StudyRow:
        """The study called `name`.

        Raises:
            UserError: there is none.
        """
        with self.engine.connect() as connection:
            row = connection.execute(sa.select(study_table).where(study_table.c.name == name)).mappings().first()
        if row is None:
            raise UserError(f"no study {name!r} in {without_password(self.address)}")
        return _study(row)

    @answered
    def trials(self, study: str, role: str | None = None) -> list[TrialRow]:
        """The trials of a study by role and number, or those of one role."""
        table = trial_table
        query = sa.select(table).where(table.c.study == study).order_by(table.c.role.desc(), table.c.number)
        if role is not None:
            query = query.where(table.c.role == role)
        with self.engine.connect() as connection:
            return [_trial(row) for row in connection.execute(query).mappings()]

    @answered
    def trial(self, study: str, key: str) -> TrialRow:
        """One trial.

        Raises:
            UserError: there is none.
        """
        table = trial_table
        with self.engine.connect() as connection:
            row = connection.execute(_one(study, key)).mappings().first()
        if row is None:
            known = [trial.key for trial in self.trials(study)]
            raise UserError(f"study {study!r} has no {table.name} {key!r}: it has {', '.join(known) or 'none'}")
        return _trial(row)

    @answered
    def points(self, study: str, key: str | None = None, *, after: int = 0) -> list[Point]:
        """Reports in the order of arrival: of one trial or of all, those with a larger id than `after`."""
        table = point_table
        query = sa.select(table).where(table.c.study == study, table.c.id > after).order_by(table.c.id)
        if key is not None:
            query = query.where(table.c.key == key)
        with self.engine.connect() as connection:
            return [_point(row) for row in connection.execute(query).mappings()]

    @answered
    def curves(self, study: str, metric: str | None = None) -> dict[str, dict[int, float]]:
        """{trial key: {step: value}} of one metric, by default the objective; steps ascending, maybe none."""
        curves: dict[str, dict[int, float]] = {trial.key: {} for trial in self.trials(study)}
        if metric is None:
            table = point_table
            query = sa.select(table.c.key, table.c.step, table.c.value).where(table.c.study == study)
            with self.engine.connect() as connection:
                for key, step, value in connection.execute(query.order_by(table.c.step)):
                    curves[key][step] = math.nan if value is None else value
            return curves
        for point in sorted(self.points(study), key=lambda point: point.step):
            if metric in point.metrics:
                curves[point.key][point.step] = point.metrics[metric]
        return curves

    @answered
    def scores_by_step(self, study: str, key: str | None = None) -> dict[str, dict[int, Score]]:
        """{trial key: {step: how it stood}} by the study's goal, of all trials or one; steps ascending, maybe none."""
        keys = [trial.key for trial in self.trials(study)] if key is None else [key]
        scores: dict[str, dict[int, Score]] = {one: {} for one in keys}
        table = point_table
        columns = (table.c.key, table.c.step, table.c.value, table.c[VALUES], table.c.violation)
        query = sa.select(*columns).where(table.c.study == study).order_by(table.c.step)
        if key is not None:
            query = query.where(table.c.key == key)
        with self.engine.connect() as connection:
            for key, step, value, values, violation in connection.execute(query):
                scores[key][step] = scored(value, json.loads(values), violation)
        return scores

    @answered
    def imported(self, study: str) -> list[ImportedRow]:
        """The trials of other studies that this one learns from, by source and number."""
        table = imported_table
        query = sa.select(table).where(table.c.study == study).order_by(table.c.source, table.c.number, table.c.key)
        with self.engine.connect() as connection:
            return [_imported(row) for row in connection.execute(query).mappings()]

    @answered
    def score_sheets(self, study: str) -> dict[str, SheetRow]:
        """The score sheets of a study by key: of trials, and its own two references."""
        query = sa.select(sheet_table).where(sheet_table.c.study == study).order_by(sheet_table.c.key)
        with self.engine.connect() as connection:
            return {row["key"]: _sheet(row) for row in connection.execute(query).mappings()}

    @answered
    def score_sheet(self, study: str, key: str) -> SheetRow | None:
        """The score sheet with this key; None if there is none."""
        table = sheet_table
        query = sa.select(table).where(table.c.study == study, table.c.key == key)
        with self.engine.connect() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else _sheet(row)

    @answered
    def score_sheet_versions(self, study: str) -> dict[str, tuple[str, float]]:
        """Scorer and time of making of each score sheet, by key; cheap, none of the sheets is read."""
        table = sheet_table
        query = sa.select(table.c.key, table.c.scorer, table.c.created).where(table.c.study == study)
        with self.engine.connect() as connection:
            return {key: (scorer, created) for key, scorer, created in connection.execute(query)}


def ordered_dumps(values: Mapping[str, float | None]) -> str:
    """JSON for a column of objectives, whose order means something."""
    return json.dumps(dict(values), allow_nan=False)


def dumps(value: Any) -> str:
    """JSON for a column. Numbers that are not finite become strings, since strict JSON has none."""
    return json.dumps(_encode(value), sort_keys=True, allow_nan=False)


def metrics_from(text: str) -> dict[str, float]:
    """The numbers of a metrics column."""
    return _numbers(json.loads(text))


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items()}


def _encode(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _encode(inner) for key, inner in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_encode(inner) for inner in value]
    return value


def _one(study: str, key: str) -> sa.Select[Any]:
    return sa.select(trial_table).where(trial_table.c.study == study, trial_table.c.key == key)


def _study(row: sa.RowMapping) -> StudyRow:
    values = dict(row)
    for name in ("dataset", "config", "space", "settings", "versions", "goal"):
        values[name] = json.loads(values[name])
    return StudyRow(**values)


def _trial(row: sa.RowMapping) -> TrialRow:
    values = dict(row)
    values["params"], values["config"] = json.loads(values["params"]), json.loads(values["config"])
    values["scores"], values["values"] = metrics_from(values["scores"]), json.loads(values["values"])
    return TrialRow(**values)


def _sheet(row: sa.RowMapping) -> SheetRow:
    return SheetRow(**{**row, "content": json.loads(row["content"])})


def _imported(row: sa.RowMapping) -> ImportedRow:
    values = dict(row)
    values["config"], values["dataset"] = json.loads(values["config"]), json.loads(values["dataset"])
    values["curve"] = {step: _numbers(metrics) for step, metrics in json.loads(values["curve"])}
    return ImportedRow(**values)


def _point(row: sa.RowMapping) -> Point:
    return Point(row["id"], row["key"], row["step"], row["attempt"], row["timestamp"], metrics_from(row["metrics"]))


@contextlib.contextmanager
def open_if_present(address: str | Path) -> Iterator[RecordReader | None]:
    """A copy of a SQLite record, or a server's itself, opened; None where there is no record yet.

    Raises:
        UserError: it is no record, or can't be read.
    """
    url = database_url(address)
    path = sqlite_path(url)
    if path is None:
        with RecordReader(address) if filled(url) else contextlib.nullcontext() as records:
            yield records
    elif not path.is_file():
        yield None
    else:
        with tempfile.TemporaryDirectory(prefix="amc-record-") as folder:
            copy = Path(folder) / path.name
            _copy(path, copy)
            with RecordReader(copy) if filled(database_url(copy)) else contextlib.nullcontext() as records:
                yield records


def _copy(path: Path, copy: Path) -> None:
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as source,
            contextlib.closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
        return
    except sqlite3.Error:
        pass  # such as a journal that its killed writer left, which a reader may not settle
    try:
        shutil.copyfile(path, copy)
        journal = path.with_name(f"{path.name}-journal")
        if journal.is_file():
            shutil.copyfile(journal, copy.with_name(f"{copy.name}-journal"))
    except OSError as error:
        raise UserError(f"cannot read the study record {path}: {error.strerror}") from error
