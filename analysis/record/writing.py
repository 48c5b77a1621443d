"""Writes the study record. One driver process writes a study, and its threads take turns.

Each method is one transaction, so a driver that is killed at any moment leaves a record of exactly what it had done;
the next driver needs nothing else. A report is stored once per trial and step. Methods that take the number of an
attempt ignore attempts that no longer count: a worker that was given up on may go on for some seconds.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from analysis.record.command_writing import CommandWriter, Effect
from analysis.record.connection.database import retry_while_unreachable
from analysis.record.json_columns import dumps, dumps_objectives
from analysis.record.rows import SheetRow, TrialRow
from analysis.record.schema import (
    point_table,
    sheet_table,
    trial_table,
)
from analysis.record.states import ENDED, FAILED, OPEN, PRUNED, RUNNING, WAITING
from analysis.record.study_writing import StudyWriter
from analysis.record.writable import (
    finite,
    goal_columns,
    insert_if_new,
    insert_or_replace,
    select_trial_for_update,
    storable,
    update_trial,
)

MAX_STALLS = 5  # consecutive attempts that died without a new report, after which a trial has failed


class RecordWriter(StudyWriter, CommandWriter):
    """Writes all of a record: studies, their trials, reports, score sheets and commands; see the module's docstring."""

    @retry_while_unreachable
    def add_trial(self, trial: TrialRow) -> TrialRow:
        """Adds a trial in state WAITING and returns it; a trial with the same key is left unchanged."""
        values = asdict(trial) | {"created": trial.created or time.time(), "state": WAITING}
        for name in ("params", "config", "scores"):
            values[name] = dumps(values[name])
        values["values"] = dumps_objectives(trial.values, values.pop("log_likelihood"))
        with self._write() as connection:
            connection.execute(insert_if_new(connection, trial_table).values(values))
        return self.trial(trial.study, trial.key)

    def begin(self, study: str, key: str) -> TrialRow:
        """Begins the next attempt of a waiting trial; earlier attempts no longer count.

        Raises:
            ValueError: the trial is not waiting.
        """
        self._begin(study, key, self.trial(study, key).attempts + 1, itertools.count())
        return self.trial(study, key)

    @retry_while_unreachable
    def _begin(self, study: str, key: str, attempt: int, tries: Iterator[int]) -> None:
        again = next(tries) > 0
        with self._write() as connection:
            row = select_trial_for_update(connection, study, key)
            if row is None or (row["state"], row["attempts"]) != (WAITING, attempt - 1):
                # The connection may have broken after the first try was committed: the attempt has begun already.
                if again and row is not None and (row["state"], row["attempts"]) == (RUNNING, attempt):
                    return
                raise ValueError(f"trial {key} is not waiting, so it cannot begin")
            update_trial(connection, study, key, state=RUNNING, attempts=attempt, started=None, ended=None, reason="")

    @retry_while_unreachable
    def mark_started(self, study: str, key: str, attempt: int) -> None:
        """Records that the process of an attempt is running; its seconds count from now."""
        with self._write() as connection:
            table = trial_table
            this_attempt = (
                table.c.study == study,
                table.c.key == key,
                table.c.attempts == attempt,
                table.c.state == RUNNING,
            )
            connection.execute(sa.update(table).where(*this_attempt).values(started=time.time()))

    @retry_while_unreachable
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
        """Stores a report; returns False if its attempt no longer counts.

        A step that has been reported before keeps its values, because a resumed trial reports some steps again. The
        trial's value is the first objective at its last step.

        Args:
            study: its name.
            key: of the trial.
            attempt: number of the attempt.
            step: training step, from 1.
            metrics: by name.
            objectives: names of metrics.
            violation: of the study's constraints; None without constraints.
            timestamp: milliseconds since 1970; None for now.
        """
        now = time.time()
        columns = goal_columns(metrics, objectives, lambda _: violation)
        with self._write() as connection:
            row = select_trial_for_update(connection, study, key)
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
                    **columns,
                )
            )
            changes: dict[str, Any] = {"stalls": 0}
            if step > row["step"]:
                changes |= {"step": step, **columns}
            update_trial(connection, study, key, **changes)
        return True

    @retry_while_unreachable
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
        """Ends a trial as COMPLETE, PRUNED or FAILED; returns False if its attempt no longer counts.

        Args:
            study: its name.
            key: of the trial.
            attempt: number of the attempt.
            state: one of `ENDED`.
            value: of a trial that ended without any report.
            scores: test scores.
            sheet: the trial's score sheet.
            reason: why it failed.
        """
        if state not in ENDED:
            raise ValueError(f"a trial cannot end as {state}")
        now = time.time()
        with self._write() as connection:
            row = select_trial_for_update(connection, study, key)
            if row is None or row["attempts"] != attempt or row["state"] != RUNNING:
                # True if this is a retry of the call that ended the trial.
                return row is not None and (row["attempts"], row["state"]) == (attempt, state)
            changes: dict[str, Any] = {
                "state": state,
                "ended": now,
                "reason": storable(reason),
                "seconds": _seconds(row, now),
            }
            if value is not None and not row["step"]:
                changes["value"] = finite(value)
            if scores:
                changes["scores"] = dumps(dict(scores))
            update_trial(connection, study, key, **changes)
            if sheet is not None:
                _write_sheet(connection, sheet)
        return True

    @retry_while_unreachable
    def put_score_sheet(self, sheet: SheetRow, scores: Mapping[str, float] | None = None) -> None:
        """Adds or replaces a score sheet.

        Args:
            sheet: of a trial or of a reference of the study.
            scores: the new test scores of the trial; None for a reference.
        """
        with self._write() as connection:
            if scores is not None:  # in the same order as `finish`, to avoid a deadlock
                update_trial(connection, sheet.study, sheet.key, scores=dumps(dict(scores)))
            _write_sheet(connection, sheet)

    @retry_while_unreachable
    def release(
        self, study: str, key: str, attempt: int, reason: str, *, stalled: bool = False, alone: bool = False
    ) -> str:
        """Gives up an attempt, so that the trial waits for its next one; returns the trial's state.

        Args:
            study: its name.
            key: of the trial.
            attempt: number of the attempt.
            reason: why it was given up.
            stalled: whether the attempt died by itself, not because the study was interrupted. After `MAX_STALLS` such
                attempts without a new report, the trial has failed.
            alone: whether the next attempt needs a device to itself, because this one ran out of memory.
        """
        now = time.time()
        with self._write() as connection:
            row = select_trial_for_update(connection, study, key)
            if row is None or row["attempts"] != attempt or row["state"] != RUNNING:
                return "" if row is None else str(row["state"])
            stalls = row["stalls"] + stalled
            changes: dict[str, Any] = {"state": WAITING, "reason": storable(reason), "stalls": stalls}
            changes |= {"alone": True} if alone else {}
            if stalls >= MAX_STALLS:
                changes |= {"state": FAILED, "ended": now}
            update_trial(connection, study, key, seconds=_seconds(row, now), **changes)
            return str(changes["state"])

    @retry_while_unreachable
    def requeue_running(self, study: str) -> list[str]:
        """Sets trials that an earlier driver left RUNNING to WAITING; returns their keys."""
        keys = []
        with self._write() as connection:
            table = trial_table
            running = sa.select(table).where(table.c.study == study, table.c.state == RUNNING)
            for row in connection.execute(running.with_for_update()).mappings().all():
                # When the attempt ended is unknown, so count its seconds until its last report.
                point = point_table
                last = sa.select(sa.func.max(point.c.timestamp)).where(
                    point.c.study == study, point.c.key == row["key"], point.c.attempt == row["attempts"]
                )
                alive = connection.execute(last).scalar()
                until = row["started"] if alive is None else alive / 1000
                changes = {"state": WAITING, "reason": "the driver ended", "seconds": _seconds(row, until)}
                update_trial(connection, study, row["key"], **changes)
                keys.append(row["key"])
        return keys


def stopping(study: str, key: str, reason: str) -> Effect:
    """Ends a waiting or running trial as PRUNED; leaves one that has ended unchanged."""

    def effect(connection: sa.Connection) -> None:
        now = time.time()
        row = select_trial_for_update(connection, study, key)
        if row is not None and row["state"] in OPEN:
            seconds = _seconds(row, now) if row["state"] == RUNNING else row["seconds"]
            changes = {"state": PRUNED, "ended": now, "reason": storable(reason), "seconds": seconds}
            update_trial(connection, study, key, **changes)

    return effect


def _write_sheet(connection: sa.Connection, sheet: SheetRow) -> None:
    connection.execute(insert_or_replace(connection, sheet_table, {**asdict(sheet), "content": dumps(sheet.content)}))


def _seconds(row: sa.RowMapping, until: float) -> float:
    began = row["started"]
    return float(row["seconds"]) + (max(0.0, until - began) if began is not None else 0.0)
