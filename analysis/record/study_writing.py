"""Writes studies, other studies' trials imported into them, and how much of them has been copied to MLflow."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from analysis.record.connection.database import retry_while_unreachable
from analysis.record.json_columns import dumps, metrics_from
from analysis.record.rows import ImportedRow, MlflowCursor, StudyRow
from analysis.record.schema import (
    command_table,
    imported_table,
    point_table,
    projection_table,
    sheet_table,
    study_table,
    trial_table,
)
from analysis.record.writable import WritableRecord, goal_columns, insert_if_new, insert_or_replace, update_trial


class StudyWriter(WritableRecord):
    """The part of `RecordWriter` that writes whole studies."""

    @retry_while_unreachable
    def create_study(self, study: StudyRow) -> StudyRow:
        """Adds a study if its name is new; returns the study of that name on record."""
        values = asdict(study)
        for name in ("dataset", "config", "space", "settings", "versions", "goal"):
            values[name] = dumps(values[name])
        values["uid"] = study.uid or uuid.uuid4().hex
        values["created"] = study.created or time.time()
        with self._write() as connection:
            connection.execute(insert_if_new(connection, study_table).values(values))
        return self.study(study.name)

    @retry_while_unreachable
    def update_study(self, name: str, **changes: Mapping[str, Any]) -> None:
        """Replaces JSON columns of a study, for example `settings`."""
        with self._write() as connection:
            values = {column: dumps(value) for column, value in changes.items()}
            connection.execute(sa.update(study_table).where(study_table.c.name == name).values(values))

    @retry_while_unreachable
    def change_goal(
        self,
        name: str,
        objectives: Sequence[str],
        violation: Callable[[Mapping[str, float]], float | None],
        **changes: Mapping[str, Any],
    ) -> None:
        """Replaces JSON columns of a study, and recomputes the values of all its reports for the new goal.

        Args:
            name: of the study.
            objectives: names of metrics.
            violation: computes the violation of the constraints from a report's metrics; None without constraints.
            changes: the new columns.
        """
        with self._write() as connection:
            columns = {column: dumps(value) for column, value in changes.items()}
            connection.execute(sa.update(study_table).where(study_table.c.name == name).values(columns))
            table = point_table
            found = sa.select(table.c.id, table.c.key, table.c.metrics).where(table.c.study == name)
            last: dict[str, dict[str, Any]] = {}
            for ident, key, text in connection.execute(found.order_by(table.c.step)).all():
                last[key] = goal_columns(metrics_from(text), objectives, violation)
                connection.execute(sa.update(table).where(table.c.id == ident).values(last[key]))
            for key, values in last.items():
                update_trial(connection, name, key, **values)

    @retry_while_unreachable
    def add_imported(self, rows: Sequence[ImportedRow]) -> None:
        """Adds trials of other studies. A study that has been imported before is left unchanged."""
        table = imported_table
        with self._write() as connection:
            known = {tuple(row) for row in connection.execute(sa.select(table.c.study, table.c.source).distinct())}
            for row in rows:
                if (row.study, row.source) not in known:
                    values = asdict(row) | {"config": dumps(row.config), "dataset": dumps(row.dataset)}
                    values["curve"] = dumps([[step, metrics] for step, metrics in row.curve.items()])
                    connection.execute(sa.insert(table).values(values))

    @retry_while_unreachable
    def delete_study(self, name: str) -> None:
        """Deletes a study and everything that belongs to it."""
        with self._write() as connection:
            for table in (projection_table, sheet_table, point_table, trial_table, imported_table, command_table):
                connection.execute(sa.delete(table).where(table.c.study == name))
            connection.execute(sa.delete(study_table).where(study_table.c.name == name))

    @retry_while_unreachable
    def set_mlflow_cursors(self, study: str, target: str, cursors: Mapping[str, MlflowCursor]) -> None:
        """Records how much of each trial has been copied to the MLflow store at `target`, by key."""
        table = projection_table
        with self._write() as connection:
            for key, cursor in cursors.items():
                values = {"study": study, "target": target, "key": key, **asdict(cursor)}
                connection.execute(insert_or_replace(connection, table, values))
                if key:
                    update_trial(connection, study, key, mlflow_run_id=cursor.run_id)
