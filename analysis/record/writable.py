"""A record that can be written: created or upgraded on first use, one driver per study, one transaction at a time.

Also the statements that writers share.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from amc.errors import UserError, first_line
from analysis.record.connection.address import database_url, sqlite_path, without_password
from analysis.record.connection.database import retry_while_unreachable, write_transaction, writing_engine
from analysis.record.connection.lock import record_lock_path, study_lock
from analysis.record.connection.server_lock import lock_table_creation, locking_engine, release
from analysis.record.equal_accuracies import LOG_LIKELIHOOD
from analysis.record.json_columns import dumps_objectives
from analysis.record.reading import RecordReader
from analysis.record.schema import SCHEMA_VERSION, VERSIONS, metadata, schema_table, schema_version, trial_table

PATIENCE = 60.0  # seconds for which a driver retries while the database server does not respond; training goes on
LOCK_PATIENCE = 600.0  # seconds for which a driver retries while another program keeps a SQLite file locked


class WritableRecord(RecordReader):
    """The base of all writers: creates the record, locks studies and runs transactions.

    Args:
        address: a SQLite file, created if missing, or a SQLAlchemy address. A record of an earlier schema version is
            upgraded.

    Raises:
        UserError: the database cannot be opened or written, is something else, or has an unknown schema version.
    """

    def __init__(self, address: str | Path) -> None:
        self._turn = threading.RLock()
        _prepare_tables(database_url(address))
        super().__init__(address)
        self._writer = self.engine
        # Errors of a SQLite file are final, except a lock: another program, such as a backup, may read it for long.
        self.patience = PATIENCE if sqlite_path(self.address) is None else 0.0
        self.lock_patience = LOCK_PATIENCE

    def _create_engine(self) -> sa.Engine:
        return writing_engine(self.address)

    @contextmanager
    def lock_study(self, study: str) -> Iterator[None]:
        """Keeps all other drivers of a study away from this record during the block, on any host.

        Raises:
            UserError: another living process drives the study. On a server also at a later write, if this process lost
                its connection and another one took the study over.
        """
        path = sqlite_path(self.address)
        if path is not None:
            with study_lock(record_lock_path(path, study), study):
                yield
            return
        writer = locking_engine(self.address, study)
        self._connect(writer)
        self._writer = writer
        try:
            yield
        finally:
            self._writer = self.engine
            release(writer)

    @retry_while_unreachable
    def _connect(self, engine: sa.Engine) -> None:
        with engine.connect():
            pass

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        """A transaction; threads of this process take turns."""
        with self._turn, write_transaction(self._writer) as connection:
            yield connection


def _prepare_tables(address: sa.URL) -> None:
    """Creates the tables of a new record, or upgrades those of an earlier schema version; all of this or nothing."""
    engine = writing_engine(address)
    try:
        path = sqlite_path(address)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        with write_transaction(engine) as connection:
            lock_table_creation(connection)
            tables = sa.inspect(connection).get_table_names()
            if not tables:
                metadata.create_all(connection)
                connection.execute(sa.insert(schema_table).values(version=SCHEMA_VERSION))
            elif schema_table.name in tables:
                _upgrade(connection)
    except (sa.exc.DBAPIError, OSError) as error:
        raise UserError(
            f"cannot open the study record {without_password(address)}: {first_line(getattr(error, 'orig', error))}"
        ) from error
    finally:
        engine.dispose()


def _upgrade(connection: sa.Connection) -> None:
    version = schema_version(connection)
    if version in VERSIONS and version != SCHEMA_VERSION:
        from analysis.record.upgrading import upgrade  # imports Alembic, which is rarely needed

        upgrade(connection, version)


def select_trial_for_update(connection: sa.Connection, study: str, key: str) -> sa.RowMapping | None:
    """A trial's row, which no other writer can change until the transaction ends; None if there is no such trial."""
    query = sa.select(trial_table).where(trial_table.c.study == study, trial_table.c.key == key).with_for_update()
    return connection.execute(query).mappings().first()


def update_trial(connection: sa.Connection, study: str, key: str, **changes: Any) -> None:
    """Changes columns of a trial."""
    table = trial_table
    connection.execute(sa.update(table).where(table.c.study == study, table.c.key == key).values(changes))


def insert_if_new(
    connection: sa.Connection, table: sa.Table, key: Sequence[sa.Column[Any]] = ()
) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that does nothing if a row with the same key exists, even one that another process just added.

    Checking first and then inserting is not enough on a server: two processes may both find no row.

    Args:
        connection: to the database.
        table: inserted into.
        key: columns that are unique together; the primary key by default.
    """
    return _insert(connection, table).on_conflict_do_nothing(index_elements=list(key or table.primary_key))


def insert_or_replace(
    connection: sa.Connection, table: sa.Table, values: Mapping[str, Any]
) -> postgresql.Insert | sqlite.Insert:
    """An INSERT of a whole row that replaces the row with the same primary key if there is one."""
    inserted = _insert(connection, table).values(dict(values))
    return inserted.on_conflict_do_update(index_elements=list(table.primary_key), set_=dict(values))


def goal_columns(
    metrics: Mapping[str, float],
    objectives: Sequence[str],
    violation: Callable[[Mapping[str, float]], float | None],
) -> dict[str, Any]:
    """The columns of a report that depend on the study's goal: its value, all objectives, and the violation.

    Beside the objectives it stores the log-likelihood, which orders equal accuracies.
    """
    values = {name: finite(metrics.get(name)) for name in objectives}
    text = dumps_objectives(values, finite(metrics.get(LOG_LIKELIHOOD)))
    return {"value": values[objectives[0]], "values": text, "violation": violation(metrics)}


def finite(value: float | None) -> float | None:
    """A value as stored: databases disagree on NaN, JSON has no infinity, and neither can be ranked."""
    return None if value is None or not math.isfinite(value) else float(value)


def storable(text: str) -> str:
    """Replaces characters that a database rejects; a message may quote a broken file."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _insert(connection: sa.Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    return (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(table)
