"""The writer of the study record. One driver process writes a study; its threads take turns.

Every method is one transaction, so a driver that is killed at any moment leaves a record that says exactly what had
happened before: the next driver needs nothing else. Reports are idempotent by (trial, step), and fenced by the number
of the attempt: a worker that was given up on may go on for seconds, and what it still sends is dropped.
"""

from __future__ import annotations

import itertools
import math
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from analysis.record.access import insert_if_new, put, trial_row, update_trial
from analysis.record.database import answered
from analysis.record.mlflow_cursor import Projections
from analysis.record.reading import dumps, metrics_from, ordered_dumps
from analysis.record.rows import ImportedRow, SheetRow, StudyRow, TrialRow
from analysis.record.schema import (
    imported_table,
    point_table,
    projection_table,
    sheet_table,
    study_table,
    trial_table,
)
from analysis.record.states import ENDED, RUNNING, WAITING

MAX_STALLS = 5  # attempts lost one after the other, none of which reported anything new: the trial has failed


class RecordWriter(Projections):
    """Everything that a driver writes of its study; see the module's text.

    Raises:
        UserError: the database can't be opened or written, is something else, or is of another schema version.
    """

    @answered
    def create_study(self, study: StudyRow) -> StudyRow:
        """Writes `study` where its name is new; returns what the record then has under that name."""
        values = asdict(study)
        for name in ("dataset", "config", "space", "settings", "versions", "goal"):
            values[name] = dumps(values[name])
        values["uid"] = study.uid or uuid.uuid4().hex
        values["created"] = study.created or time.time()
        with self._write() as connection:
            connection.execute(insert_if_new(connection, study_table).values(values))
        return self.study(study.name)

    @answered
    def update_study(self, name: str, **changes: Mapping[str, Any]) -> None:
        """Replaces JSON columns of a study, such as its settings."""
        with self._write() as connection:
            values = {column: dumps(value) for column, value in changes.items()}
            connection.execute(sa.update(study_table).where(study_table.c.name == name).values(values))

    @answered
    def change_goal(
        self,
        name: str,
        objectives: Sequence[str],
        violation: Callable[[Mapping[str, float]], float | None],
        **changes: Mapping[str, Any],
    ) -> None:
        """Replaces JSON columns of a study, and judges every report on record again by its new goal.

        Args:
            objectives: metrics.
            violation: of the study's constraints, from a report's metrics.
        """
        with self._write() as connection:
            columns = {column: dumps(value) for column, value in changes.items()}
            connection.execute(sa.update(study_table).where(study_table.c.name == name).values(columns))
            table = point_table
            found = sa.select(table.c.id, table.c.key, table.c.metrics).where(table.c.study == name)
            last: dict[str, dict[str, Any]] = {}
            for ident, key, text in connection.execute(found.order_by(table.c.step)).all():
                last[key] = _judged(metrics_from(text), objectives, violation)
                connection.execute(sa.update(table).where(table.c.id == ident).values(last[key]))
            for key, judged in last.items():
                update_trial(connection, name, key, **judged)

    @answered
    def add_imported(self, rows: Sequence[ImportedRow]) -> None:
        """Adds trials of other studies; of a study from which there are some already, nothing is added or changed."""
        table = imported_table
        with self._write() as connection:
            known = {tuple(row) for row in connection.execute(sa.select(table.c.study, table.c.source).distinct())}
            for row in rows:
                if (row.study, row.source) not in known:
                    values = asdict(row) | {"config": dumps(row.config), "dataset": dumps(row.dataset)}
                    values["curve"] = dumps([[step, metrics] for step, metrics in row.curve.items()])
                    connection.execute(sa.insert(table).values(values))

    @answered
    def delete_study(self, name: str) -> None:
        """Removes a study with all that belongs to it."""
        with self._write() as connection:
            for table in (projection_table, sheet_table, point_table, trial_table, imported_table):
                connection.execute(sa.delete(table).where(table.c.study == name))
            connection.execute(sa.delete(study_table).where(study_table.c.name == name))

    @answered
    def add_trial(self, trial: TrialRow) -> TrialRow:
        """Adds a trial as WAITING; a key that is there already is left as it is, so adding twice adds once."""
        values = asdict(trial) | {"created": trial.created or time.time(), "state": WAITING}
        for name in ("params", "config", "scores"):
            values[name] = dumps(values[name])
        values["values"] = ordered_dumps(trial.values)
        with self._write() as connection:
            connection.execute(insert_if_new(connection, trial_table).values(values))
        return self.trial(trial.study, trial.key)

    def begin(self, study: str, key: str) -> TrialRow:
        """Starts the next attempt of a waiting trial; from now on nothing of earlier attempts counts."""
        self._begin(study, key, self.trial(study, key).attempts + 1, itertools.count())
        return self.trial(study, key)

    @answered
    def _begin(self, study: str, key: str, attempt: int, tries: Iterator[int]) -> None:
        again = next(tries) > 0
        with self._write() as connection:
            row = trial_row(connection, study, key)
            if row is None or (row["state"], row["attempts"]) != (WAITING, attempt - 1):
                # The first try may have been committed before its connection broke: the attempt is begun, and once.
                if again and row is not None and (row["state"], row["attempts"]) == (RUNNING, attempt):
                    return
                raise ValueError(f"trial {key} is not waiting, it cannot begin")
            update_trial(connection, study, key, state=RUNNING, attempts=attempt, started=None, ended=None, reason="")

    @answered
    def mark_started(self, study: str, key: str, attempt: int) -> None:
        """Notes that an attempt's process is up: its seconds count from now."""
        with self._write() as connection:
            table = trial_table
            mine = (table.c.study == study, table.c.key == key, table.c.attempts == attempt, table.c.state == RUNNING)
            connection.execute(sa.update(table).where(*mine).values(started=time.time()))

    @answered
    def report(
        self,
        study: str,
        key: str,
        attempt: int,
        step: int,
        metrics: Mapping[str, float],
        *,
        objectives: Sequence[str] = ("val/accuracy",),
        violation: float | None = None,
        timestamp: int | None = None,
    ) -> bool:
        """Takes a report; False if it belongs to an attempt that no longer counts.

        A step that is on record already keeps its first values: a continued trial sends them again. The trial's value
        is the first objective at its last step.

        Args:
            objectives: metrics.
            violation: of the study's constraints; None where it has none.
        """
        now = time.time()
        judged = _judged(metrics, objectives, lambda _: violation)
        with self._write() as connection:
            row = trial_row(connection, study, key)
            if row is None or row["attempts"] != attempt or row["state"] != RUNNING:
                return False
            point = point_table
            same_step = sa.select(point.c.id).where(point.c.study == study, point.c.key == key, point.c.step == step)
            if connection.execute(same_step).first() is not None:
                return True
            connection.execute(
                sa.insert(point).values(
                    study=study,
                    key=key,
                    step=step,
                    attempt=attempt,
                    timestamp=round(now * 1000) if timestamp is None else timestamp,
                    metrics=dumps({name: float(value) for name, value in metrics.items()}),
                    **judged,
                )
            )
            changes: dict[str, Any] = {"stalls": 0}
            if step > row["step"]:
                changes |= {"step": step, **judged}
            update_trial(connection, study, key, **changes)
        return True

    @answered
    def finish(
        self,
        study: str,
        key: str,
        attempt: int,
        state: str,
        *,
        value: float | None = None,
        scores: Mapping[str, float] | None = None,
        sheet: SheetRow | None = None,
        reason: str = "",
    ) -> bool:
        """Ends a trial as COMPLETE, PRUNED or FAILED; False if this attempt no longer counts."""
        if state not in ENDED:
            raise ValueError(f"{state} ends no trial")
        now = time.time()
        with self._write() as connection:
            row = trial_row(connection, study, key)
            if row is None or row["attempts"] != attempt or row["state"] != RUNNING:
                # Carried out twice it ends the trial once.
                return row is not None and (row["attempts"], row["state"]) == (attempt, state)
            changes: dict[str, Any] = {
                "state": state,
                "ended": now,
                "reason": _text(reason),
                "seconds": _seconds(row, now),
            }
            if value is not None and not row["step"]:
                changes["value"] = _number(value)
            if scores:
                changes["scores"] = dumps(dict(scores))
            update_trial(connection, study, key, **changes)
            if sheet is not None:
                _put_sheet(connection, sheet)
        return True

    @answered
    def put_score_sheet(self, sheet: SheetRow, scores: Mapping[str, float] | None = None) -> None:
        """Puts a sheet in the place of the one with its key.

        Args:
            scores: of the trial with that key, which take the place of its own; None for a study's reference.
        """
        with self._write() as connection:
            if scores is not None:  # the trial first, as `finish` does: neither shall wait for the other
                update_trial(connection, sheet.study, sheet.key, scores=dumps(dict(scores)))
            _put_sheet(connection, sheet)

    @answered
    def release(
        self, study: str, key: str, attempt: int, reason: str, *, stalled: bool = False, alone: bool = False
    ) -> str:
        """Gives up an attempt: the trial waits for its next one. Returns its state.

        Args:
            stalled: this attempt died by itself. After `MAX_STALLS` such attempts without any new report the trial
                has failed; an interruption of the whole study never counts.
            alone: it ran out of memory: the next attempt has a whole device to itself.
        """
        now = time.time()
        with self._write() as connection:
            row = trial_row(connection, study, key)
            if row is None or row["attempts"] != attempt or row["state"] != RUNNING:
                return "" if row is None else str(row["state"])
            stalls = row["stalls"] + stalled
            changes: dict[str, Any] = {"state": WAITING, "reason": _text(reason), "stalls": stalls}
            changes |= {"alone": True} if alone else {}
            if stalls >= MAX_STALLS:
                changes |= {"state": "FAILED", "ended": now}
            update_trial(connection, study, key, seconds=_seconds(row, now), **changes)
            return str(changes["state"])

    @answered
    def requeue_running(self, study: str) -> list[str]:
        """Makes every trial that an earlier driver left RUNNING wait for its next attempt; returns their keys."""
        adopted = []
        with self._write() as connection:
            table = trial_table
            running = sa.select(table).where(table.c.study == study, table.c.state == RUNNING)
            for row in connection.execute(running.with_for_update()).mappings().all():
                # When the attempt ended is not known: its last report is the last sign of life.
                point = point_table
                last = sa.select(sa.func.max(point.c.timestamp)).where(
                    point.c.study == study, point.c.key == row["key"], point.c.attempt == row["attempts"]
                )
                alive = connection.execute(last).scalar()
                until = row["started"] if alive is None else alive / 1000
                changes = {"state": WAITING, "reason": "the driver ended", "seconds": _seconds(row, until)}
                update_trial(connection, study, row["key"], **changes)
                adopted.append(row["key"])
        return adopted


def _put_sheet(connection: sa.Connection, sheet: SheetRow) -> None:
    connection.execute(put(connection, sheet_table, {**asdict(sheet), "content": dumps(sheet.content)}))


def _judged(
    metrics: Mapping[str, float],
    objectives: Sequence[str],
    violation: Callable[[Mapping[str, float]], float | None],
) -> dict[str, Any]:
    values = {name: _number(metrics.get(name)) for name in objectives}
    return {"value": values[objectives[0]], "values": ordered_dumps(values), "violation": violation(metrics)}


def _seconds(row: sa.RowMapping, until: float) -> float:
    began = row["started"]
    return float(row["seconds"]) + (max(0.0, until - began) if began is not None else 0.0)


def _number(value: float | None) -> float | None:
    # A value that is no number ranks nowhere; databases don't agree on NaN, and JSON has no infinity.
    return None if value is None or not math.isfinite(value) else float(value)


def _text(text: str) -> str:
    """What any database takes: a message may have in it what a trial read from a broken file."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
