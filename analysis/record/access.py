"""The way to a record that can be written: made on first use, its study locked, its writers one after the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from amc.errors import UserError
from analysis.record.database import answered, first_line, without_password
from analysis.record.lock import driving, record_lock
from analysis.record.reading import RecordReader
from analysis.record.schema import (
    SCHEMA_VERSION,
    connect,
    database_url,
    metadata,
    schema_table,
    sqlite_path,
    trial_table,
    writing,
)
from analysis.record.server_lock import give_back, locking_engine, making_tables

PATIENCE = 60.0  # seconds for which a database server may be away: training goes on, reports wait


class Writable(RecordReader):
    """A record that can be written, made on first use.

    Raises:
        UserError: the database can't be opened or written, is something else, or is of another schema version.
    """

    def __init__(self, address: str | Path) -> None:
        self._turn = threading.RLock()
        _create(database_url(address))
        super().__init__(address)
        self._writer = self.engine
        # SQLite has waited for its lock already, and everything else that it says is for good.
        self.patience = PATIENCE if sqlite_path(self.address) is None else 0.0

    @contextmanager
    def lock_study(self, study: str) -> Iterator[None]:
        """Keeps every other driver of `study` away from this record for the block, whatever host or folder it is in.

        Raises:
            UserError: another living process drives it; on a server also at any later write, if this process had lost
                its connection and another one took the study.
        """
        path = sqlite_path(self.address)
        if path is not None:
            with driving(record_lock(path, study), study):
                yield
            return
        writer = locking_engine(self.address, study)
        _take(self, writer)
        self._writer = writer
        try:
            yield
        finally:
            self._writer = self.engine
            give_back(writer)

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        with self._turn, writing(self._writer) as connection:
            yield connection


def _create(address: sa.URL) -> None:
    shown = without_password(address)
    engine = connect(address)
    try:
        if address.get_backend_name() == "sqlite" and address.database:
            Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        with writing(engine) as connection:
            making_tables(connection)
            if not sa.inspect(connection).get_table_names():
                metadata.create_all(connection)
                connection.execute(sa.insert(schema_table).values(version=SCHEMA_VERSION))
    except (sa.exc.DBAPIError, OSError) as error:
        raise UserError(f"cannot make the study record {shown}: {first_line(getattr(error, 'orig', error))}") from error
    finally:
        engine.dispose()


@answered
def _take(record: Writable, writer: sa.Engine) -> None:
    with writer.connect():
        pass


def trial_row(connection: sa.Connection, study: str, key: str) -> sa.RowMapping | None:
    """A trial as it is, kept as it is until the transaction ends; None if there is none."""
    # Databases other than SQLite would let another writer change it before this transaction does.
    query = sa.select(trial_table).where(trial_table.c.study == study, trial_table.c.key == key).with_for_update()
    return connection.execute(query).mappings().first()


def update_trial(connection: sa.Connection, study: str, key: str, **changes: Any) -> None:
    """Writes columns of a trial."""
    table = trial_table
    connection.execute(sa.update(table).where(table.c.study == study, table.c.key == key).values(changes))


def insert_if_new(connection: sa.Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """An insertion that leaves a row with the same primary key as it is, also one that another process adds meanwhile.

    Looking first and inserting then is not enough on a server: both of two processes may find nothing there.
    """
    return _insert(connection, table).on_conflict_do_nothing(index_elements=list(table.primary_key))


def put(connection: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> postgresql.Insert | sqlite.Insert:
    """An insertion of a whole row that takes the place of the one with its primary key, whoever adds that meanwhile."""
    inserted = _insert(connection, table).values(dict(values))
    return inserted.on_conflict_do_update(index_elements=list(table.primary_key), set_=dict(values))


def _insert(connection: sa.Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    return (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(table)
