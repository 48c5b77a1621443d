"""Reads the study record, and never changes it.

A record holds everything that a study can be rebuilt from: its trials and their states, all metrics that they reported,
score sheets, and how much of this has been copied to MLflow. By default it is one SQLite file per study; a PostgreSQL
database can hold the records of many studies.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import sqlalchemy as sa

from amc.errors import UserError
from analysis.record.connection.address import database_url, sqlite_path, without_password
from analysis.record.connection.database import has_tables, reading_engine, retry_while_unreachable
from analysis.record.json_columns import (
    command_row,
    imported_row,
    metrics_from,
    objectives_from,
    point,
    sheet_row,
    study_row,
    trial_row,
)
from analysis.record.rows import (
    CommandRow,
    ImportedRow,
    MlflowCursor,
    Point,
    Score,
    SheetRow,
    Snapshot,
    StudyRow,
    TrialRow,
    TrialStage,
)
from analysis.record.schema import (
    SCHEMA_VERSION,
    VALUES,
    check_schema,
    command_table,
    imported_table,
    point_table,
    projection_table,
    schema_version,
    sheet_table,
    study_table,
    trial_table,
)


class RecordReader:
    """Reads a record, also while a driver writes it. Use it as a context manager, or call `close`.

    Each method reads in one transaction. Methods that take a study's name return nothing for an unknown study, except
    where they raise.

    Args:
        address: a SQLite file or a SQLAlchemy address.

    Raises:
        UserError: in the constructor if there is no record, it is something else, or it has an unknown schema version;
            in any method if the database does not respond.
    """

    patience = lock_patience = 0.0  # see `DatabaseClient`

    def __init__(self, address: str | Path) -> None:
        self.address = database_url(address)
        path = sqlite_path(self.address)
        if path is not None and not path.is_file():
            raise UserError(f"there is no study record at {path}")
        self.engine = self._create_engine()
        try:
            check_schema(self.engine, self.address)
        except UserError:
            self.engine.dispose()
            raise

    def _create_engine(self) -> sa.Engine:
        return reading_engine(self.address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections to the database."""
        self.engine.dispose()

    @retry_while_unreachable
    def studies(self) -> list[StudyRow]:
        """All studies, oldest first."""
        with self.engine.connect() as connection:
            rows = connection.execute(sa.select(study_table).order_by(study_table.c.created)).mappings()
            return [study_row(row) for row in rows]

    @retry_while_unreachable
    def find_study(self, name: str) -> StudyRow | None:
        """The study called `name`; None if the record has no such study."""
        with self.engine.connect() as connection:
            row = connection.execute(sa.select(study_table).where(study_table.c.name == name)).mappings().first()
        return None if row is None else study_row(row)

    def study(self, name: str) -> StudyRow:
        """The study called `name`.

        Raises:
            UserError: the record has no such study.
        """
        row = self.find_study(name)
        if row is None:
            raise UserError(f"no study {name!r} in {without_password(self.address)}")
        return row

    @retry_while_unreachable
    def trials(self, study: str, role: str | None = None) -> list[TrialRow]:
        """The trials of a study, ordered by role and number.

        Args:
            study: its name.
            role: only trials of this role; None for all.
        """
        table = trial_table
        query = sa.select(table).where(table.c.study == study).order_by(table.c.role.desc(), table.c.number)
        if role is not None:
            query = query.where(table.c.role == role)
        with self.engine.connect() as connection:
            return [trial_row(row) for row in connection.execute(query).mappings()]

    @retry_while_unreachable
    def snapshot(self, study: str) -> Snapshot:
        """Everything that a study measured, as it is at one moment, also while a driver writes the record.

        Raises:
            UserError: the record has no such study.
        """
        where, order = {"study": study}, (trial_table.c.role.desc(), trial_table.c.number)
        with self.engine.connect() as connection:
            if connection.dialect.name == "postgresql":  # by default each of its queries has a snapshot of its own
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            found = connection.execute(sa.select(study_table).filter_by(name=study)).mappings().first()
            if found is None:
                known = (
                    ", ".join(connection.scalars(sa.select(study_table.c.name).order_by(study_table.c.created)))
                    or "none"
                )
                raise UserError(f"no study {study!r} in {without_password(self.address)}; studies there: {known}")
            trials = connection.execute(sa.select(trial_table).filter_by(**where).order_by(*order)).mappings().all()
            points = sa.select(point_table).filter_by(**where).order_by(point_table.c.key, point_table.c.step)
            reports = connection.execute(points).mappings().all()
            sheets = connection.execute(sa.select(sheet_table).filter_by(**where)).mappings().all()
        return Snapshot(
            study_row(found),
            tuple(map(trial_row, trials)),
            tuple(map(point, reports)),
            {row["key"]: sheet_row(row) for row in sheets},
        )

    @retry_while_unreachable
    def trial(self, study: str, key: str) -> TrialRow:
        """The trial with this key.

        Raises:
            UserError: the study has no such trial.
        """
        query = sa.select(trial_table).where(trial_table.c.study == study, trial_table.c.key == key)
        with self.engine.connect() as connection:
            row = connection.execute(query).mappings().first()
            if row is None:
                known = ", ".join(_keys(connection, study)) or "none"
                raise UserError(f"study {study!r} has no trial {key!r}: it has {known}")
        return trial_row(row)

    @retry_while_unreachable
    def points(self, study: str, *, after: int = 0) -> list[Point]:
        """The reports of all trials in order of arrival.

        Args:
            study: its name.
            after: only reports with a larger id.
        """
        table = point_table
        query = sa.select(table).where(table.c.study == study, table.c.id > after).order_by(table.c.id)
        with self.engine.connect() as connection:
            return [point(row) for row in connection.execute(query).mappings()]

    @retry_while_unreachable
    def curves(self, study: str, metric: str | None = None) -> dict[str, dict[int, float]]:
        """The values of one metric by trial key and step: {key: {step: value}}.

        Every trial has an entry, maybe an empty one; steps ascend.

        Args:
            study: its name.
            metric: None for the first objective, which is NaN where it was not measured.
        """
        table = point_table
        column = table.c.value if metric is None else table.c.metrics
        query = sa.select(table.c.key, table.c.step, column).where(table.c.study == study).order_by(table.c.step)
        with self.engine.connect() as connection:
            curves: dict[str, dict[int, float]] = {key: {} for key in _keys(connection, study)}
            for key, step, content in connection.execute(query):
                if metric is None:
                    curves.setdefault(key, {})[step] = math.nan if content is None else content
                elif metric in (metrics := metrics_from(content)):
                    curves.setdefault(key, {})[step] = metrics[metric]
        return curves

    @retry_while_unreachable
    def scores_by_step(self, study: str, key: str | None = None) -> dict[str, dict[int, Score]]:
        """Objectives and constraints of each report: {trial key: {step: score}}.

        Every trial has an entry, maybe an empty one; steps ascend.

        Args:
            study: its name.
            key: only this trial; None for all.
        """
        table = point_table
        columns = (table.c.key, table.c.step, table.c.value, table.c[VALUES], table.c.violation)
        query = sa.select(*columns).where(table.c.study == study).order_by(table.c.step)
        if key is not None:
            query = query.where(table.c.key == key)
        with self.engine.connect() as connection:
            keys = _keys(connection, study) if key is None else [key]
            scores: dict[str, dict[int, Score]] = {one: {} for one in keys}
            for one, step, value, text, violation in connection.execute(query):
                values, log_likelihood = objectives_from(text)
                score = Score.from_columns(value, values, violation, log_likelihood)
                scores.setdefault(one, {})[step] = score
        return scores

    @retry_while_unreachable
    def has_commands(self) -> bool:
        """Whether the record can hold commands: one of version 3 cannot, and its driver takes none."""
        with self.engine.connect() as connection:
            return schema_version(connection) == SCHEMA_VERSION

    @retry_while_unreachable
    def commands(self, study: str) -> list[CommandRow]:
        """The commands by which persons steered the study, in order of arrival; none in a record of version 3."""
        table = command_table
        query = sa.select(table).where(table.c.study == study).order_by(table.c.id)
        with self.engine.connect() as connection:
            if schema_version(connection) != SCHEMA_VERSION:  # asked each time: a writer may upgrade it meanwhile
                return []
            return [command_row(row) for row in connection.execute(query).mappings()]

    @retry_while_unreachable
    def imported(self, study: str) -> list[ImportedRow]:
        """The trials of other studies that this study imported, ordered by source and number."""
        table = imported_table
        query = sa.select(table).where(table.c.study == study).order_by(table.c.source, table.c.number, table.c.key)
        with self.engine.connect() as connection:
            return [imported_row(row) for row in connection.execute(query).mappings()]

    @retry_while_unreachable
    def score_sheets(self, study: str) -> dict[str, SheetRow]:
        """The score sheets of the study's trials and references, by key."""
        query = sa.select(sheet_table).where(sheet_table.c.study == study).order_by(sheet_table.c.key)
        with self.engine.connect() as connection:
            return {row["key"]: sheet_row(row) for row in connection.execute(query).mappings()}

    @retry_while_unreachable
    def score_sheet(self, study: str, key: str) -> SheetRow | None:
        """The score sheet with this key; None if there is none."""
        query = sa.select(sheet_table).where(sheet_table.c.study == study, sheet_table.c.key == key)
        with self.engine.connect() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else sheet_row(row)

    @retry_while_unreachable
    def score_sheet_versions(self, study: str) -> dict[str, tuple[str, float]]:
        """The scorer and creation time of each score sheet, by key. Cheap: does not read the sheets."""
        table = sheet_table
        query = sa.select(table.c.key, table.c.scorer, table.c.created).where(table.c.study == study)
        with self.engine.connect() as connection:
            return {key: (scorer, created) for key, scorer, created in connection.execute(query)}

    @retry_while_unreachable
    def trial_stages(self, study: str) -> dict[str, TrialStage]:
        """The stage of each trial by key, in the order of `trials`. Cheap: reads no JSON."""
        table, sheet = trial_table, sheet_table
        scored = table.outerjoin(sheet, sa.and_(sheet.c.study == table.c.study, sheet.c.key == table.c.key))
        columns = (table.c.key, table.c.state, table.c.started, sheet.c.created)
        query = sa.select(*columns).select_from(scored).where(table.c.study == study)
        with self.engine.connect() as connection:
            rows = connection.execute(query.order_by(table.c.role.desc(), table.c.number)).all()
        return {key: TrialStage(state, started is not None, made or 0.0) for key, state, started, made in rows}

    @retry_while_unreachable
    def mlflow_targets(self, study: str) -> list[str]:
        """The addresses of the MLflow stores to which the study has been copied."""
        table = projection_table
        with self.engine.connect() as connection:
            query = sa.select(table.c.target).where(table.c.study == study).distinct()
            return [row[0] for row in connection.execute(query)]

    @retry_while_unreachable
    def mlflow_cursors(self, study: str, target: str) -> dict[str, MlflowCursor]:
        """How much of each trial has been copied to the MLflow store at `target`, by key."""
        table = projection_table
        query = sa.select(table).where(table.c.study == study, table.c.target == target)
        with self.engine.connect() as connection:
            return {
                row["key"]: MlflowCursor(**{name: row[name] for name in MlflowCursor.__dataclass_fields__})
                for row in connection.execute(query).mappings()
            }


@contextlib.contextmanager
def open_if_present(address: str | Path) -> Iterator[RecordReader | None]:
    """Opens a record for reading; yields None if there is no database, or one without any tables.

    Raises:
        UserError: it is not a record or cannot be read.
    """
    with RecordReader(address) if has_tables(database_url(address)) else contextlib.nullcontext() as reader:
        yield reader


def _keys(connection: sa.Connection, study: str) -> list[str]:
    table = trial_table
    query = sa.select(table.c.key).where(table.c.study == study).order_by(table.c.role.desc(), table.c.number)
    return [row[0] for row in connection.execute(query)]
