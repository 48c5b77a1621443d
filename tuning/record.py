"""The writer of the study record. One driver process writes a study; its threads take turns.

Every method is one transaction, so a driver that is killed at any moment leaves a record that says exactly what had
happened before: the next driver needs nothing else. Reports are idempotent by (trial, step), and fenced by the number
of the attempt: a worker that was given up on may go on for seconds, and what it still sends is dropped.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from amc.errors import UserError
from analysis.record_schema import (
    SCHEMA_VERSION,
    connect,
    database_url,
    metadata,
    point_table,
    projection_table,
    schema_table,
    study_table,
    trial_table,
    writing,
)
from analysis.records import Records, StudyRow, TrialRow, dumps
from analysis.states import ENDED, RUNNING, WAITING

MAX_STALLS = 3  # attempts lost one after the other, none of which reported anything new: the trial has failed


@dataclass(frozen=True)
class Projected:
    """How far the tracker has copied a trial (or with key "" the study) to one store."""

    run_id: str
    cursor: int = 0
    described: bool = False
    pictured: bool = False
    status: str = ""


class Record(Records):
    """A record that can be written, made on first use.

    Raises:
        UserError: the database can't be opened or written, is something else, or is of another schema version.
    """

    def __init__(self, address: str | Path) -> None:
        self._turn = threading.RLock()
        _create(database_url(address))
        super().__init__(address)

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        try:
            with self._turn, writing(self.engine) as connection:
                yield connection
        except sa.exc.OperationalError as error:
            shown = self.address.render_as_string(hide_password=True)
            raise UserError(f"cannot write the study record {shown}: {error.orig}") from error

    def create_study(self, study: StudyRow) -> StudyRow:
        """Writes `study` where its name is new; returns what the record then has under that name."""
        values = asdict(study)
        for name in ("dataset", "config", "space", "settings", "versions"):
            values[name] = dumps(values[name])
        values["uid"] = study.uid or uuid.uuid4().hex
        values["created"] = study.created or time.time()
        with self._write() as connection:
            known = connection.execute(sa.select(study_table.c.name).where(study_table.c.name == study.name)).first()
            if known is None:
                connection.execute(sa.insert(study_table).values(values))
        return self.study(study.name)

    def update_study(self, name: str, **changes: Mapping[str, Any]) -> None:
        """Replaces JSON columns of a study, such as its settings."""
        with self._write() as connection:
            values = {column: dumps(value) for column, value in changes.items()}
            connection.execute(sa.update(study_table).where(study_table.c.name == name).values(values))

    def delete_study(self, name: str) -> None:
        """Removes a study with all that belongs to it."""
        with self._write() as connection:
            for table in (projection_table, point_table, trial_table):
                connection.execute(sa.delete(table).where(table.c.study == name))
            connection.execute(sa.delete(study_table).where(study_table.c.name == name))

    def add_trial(self, trial: TrialRow) -> TrialRow:
        """Adds a trial as WAITING; a key that is there already is left as it is, so adding twice adds once."""
        values = asdict(trial) | {"created": trial.created or time.time(), "state": WAITING}
        for name in ("params", "config", "scores"):
            values[name] = dumps(values[name])
        with self._write() as connection:
            if _row(connection, trial.study, trial.key) is None:
                connection.execute(sa.insert(trial_table).values(values))
        return self.trial(trial.study, trial.key)

    def begin(self, study: str, key: str) -> TrialRow:
        """Starts the next attempt of a waiting trial; from now on nothing of earlier attempts counts."""
        table = trial_table
        with self._write() as connection:
            changed = connection.execute(
                sa.update(table)
                .where(table.c.study == study, table.c.key == key, table.c.state == WAITING)
                .values(state=RUNNING, attempts=table.c.attempts + 1, started=None, ended=None, reason="")
            )
            if changed.rowcount != 1:
                raise ValueError(f"trial {key} is not waiting, it cannot begin")
        return self.trial(study, key)

    def started(self, study: str, key: str, attempt: int) -> None:
        """Notes that an attempt's process is up: its seconds count from now."""
        with self._write() as connection:
            table = trial_table
            mine = (table.c.study == study, table.c.key == key, table.c.attempts == attempt, table.c.state == RUNNING)
            connection.execute(sa.update(table).where(*mine).values(started=time.time()))

    def report(
        self,
        study: str,
        key: str,
        attempt: int,
        step: int,
        metrics: Mapping[str, float],
        *,
        objective: str = "val/accuracy",
        timestamp: int | None = None,
    ) -> bool:
        """Takes a report; False if it belongs to an attempt that no longer counts.

        A step that is on record already keeps its first values: a continued trial sends them again. The trial's value
        is the objective at its last step.
        """
        now = time.time()
        with self._write() as connection:
            row = _row(connection, study, key)
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
                    value=_number(metrics.get(objective)),
                    metrics=dumps({name: float(value) for name, value in metrics.items()}),
                )
            )
            changes: dict[str, Any] = {"stalls": 0}
            if step > row["step"]:
                changes |= {"step": step, "value": _number(metrics.get(objective))}
            _update(connection, study, key, **changes)
        return True

    def finish(
        self,
        study: str,
        key: str,
        attempt: int,
        state: str,
        *,
        value: float | None = None,
        scores: Mapping[str, float] | None = None,
        reason: str = "",
    ) -> bool:
        """Ends a trial as COMPLETE, PRUNED or FAILED; False if this attempt no longer counts."""
        if state not in ENDED:
            raise ValueError(f"{state} ends no trial")
        now = time.time()
        with self._write() as connection:
            row = _row(connection, study, key)
            if row is None or row["attempts"] != attempt or row["state"] != RUNNING:
                return False
            changes: dict[str, Any] = {"state": state, "ended": now, "reason": reason, "seconds": _seconds(row, now)}
            if value is not None:
                changes["value"] = _number(value)
            if scores:
                changes["scores"] = dumps(dict(scores))
            _update(connection, study, key, **changes)
        return True

    def release(self, study: str, key: str, attempt: int, reason: str, *, stalled: bool = False) -> str:
        """Gives up an attempt: the trial waits for its next one. Returns its state.

        Args:
            stalled: this attempt died by itself. After `MAX_STALLS` such attempts without any new report the trial
                has failed; an interruption of the whole study never counts.
        """
        now = time.time()
        with self._write() as connection:
            row = _row(connection, study, key)
            if row is None or row["attempts"] != attempt or row["state"] != RUNNING:
                return "" if row is None else str(row["state"])
            stalls = row["stalls"] + stalled
            changes: dict[str, Any] = {"state": WAITING, "reason": reason, "stalls": stalls}
            if stalls >= MAX_STALLS:
                changes |= {"state": "FAILED", "ended": now}
            _update(connection, study, key, seconds=_seconds(row, now), **changes)
            return str(changes["state"])

    def adopt(self, study: str) -> list[str]:
        """Makes every trial that an earlier driver left RUNNING wait for its next attempt; returns their keys."""
        adopted = []
        with self._write() as connection:
            table = trial_table
            running = sa.select(table).where(table.c.study == study, table.c.state == RUNNING)
            for row in connection.execute(running).mappings().all():
                # When the attempt ended is not known: its last report is the last sign of life.
                point = point_table
                last = sa.select(sa.func.max(point.c.timestamp)).where(
                    point.c.study == study, point.c.key == row["key"], point.c.attempt == row["attempts"]
                )
                alive = connection.execute(last).scalar()
                until = row["started"] if alive is None else alive / 1000
                changes = {"state": WAITING, "reason": "the driver ended", "seconds": _seconds(row, until)}
                _update(connection, study, row["key"], **changes)
                adopted.append(row["key"])
        return adopted

    def targets(self, study: str) -> list[str]:
        """The stores that a study was copied to."""
        table = projection_table
        with self.engine.connect() as connection:
            query = sa.select(table.c.target).where(table.c.study == study).distinct()
            return [row[0] for row in connection.execute(query)]

    def projected(self, study: str, target: str) -> dict[str, Projected]:
        """How far each trial was copied to the store at `target`, by key."""
        table = projection_table
        query = sa.select(table).where(table.c.study == study, table.c.target == target)
        with self.engine.connect() as connection:
            return {
                row["key"]: Projected(**{name: row[name] for name in Projected.__dataclass_fields__})
                for row in connection.execute(query).mappings()
            }

    def project(self, study: str, target: str, key: str, state: Projected) -> None:
        """Notes how far a trial has been copied to the store at `target`."""
        table = projection_table
        here = (table.c.study == study, table.c.target == target, table.c.key == key)
        with self._write() as connection:
            if connection.execute(sa.update(table).where(*here).values(asdict(state))).rowcount == 0:
                connection.execute(sa.insert(table).values(study=study, target=target, key=key, **asdict(state)))
            if key:
                _update(connection, study, key, mlflow_run_id=state.run_id)


def _create(address: sa.URL) -> None:
    shown = address.render_as_string(hide_password=True)
    engine = connect(address)
    try:
        if address.get_backend_name() == "sqlite" and address.database:
            Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        with writing(engine) as connection:
            if not sa.inspect(connection).get_table_names():
                metadata.create_all(connection)
                connection.execute(sa.insert(schema_table).values(version=SCHEMA_VERSION))
    except (sa.exc.DBAPIError, OSError) as error:
        raise UserError(f"cannot make the study record {shown}: {getattr(error, 'orig', error)}") from error
    finally:
        engine.dispose()


def _row(connection: sa.Connection, study: str, key: str) -> sa.RowMapping | None:
    query = sa.select(trial_table).where(trial_table.c.study == study, trial_table.c.key == key)
    return connection.execute(query).mappings().first()


def _update(connection: sa.Connection, study: str, key: str, **changes: Any) -> None:
    table = trial_table
    connection.execute(sa.update(table).where(table.c.study == study, table.c.key == key).values(changes))


def _seconds(row: sa.RowMapping, until: float) -> float:
    began = row["started"]
    return float(row["seconds"]) + (max(0.0, until - began) if began is not None else 0.0)


def _number(value: float | None) -> float | None:
    # A value that is no number ranks nowhere; databases don't agree on NaN.
    return None if value is None or value != value else float(value)
