"""Connections to the record's database: read-only and writable engines, transactions, and retries.

The database is SQLite or PostgreSQL.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from amc.errors import UserError, first_line
from analysis.record.connection.address import sqlite_path, without_password
from analysis.record.connection.read_only import BUSY_SECONDS, connect_read_only

MISSING_DRIVER = "no driver for PostgreSQL is installed: pip install 'psycopg[binary]>=3.2'"

# Connection parameters of PostgreSQL's client library. With TCP's defaults, noticing a dead host takes two hours.
_LIBPQ = {
    "connect_timeout": 10,  # seconds
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # milliseconds
}
_NO_PERMISSION = "42501"  # SQLSTATE insufficient_privilege
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # seconds between retries
_WRITES = "amc_writes"  # execution option of connections that write

F = TypeVar("F", bound=Callable[..., Any])


def reading_engine(address: sa.URL) -> sa.Engine:
    """An engine whose connections cannot write to a SQLite file, and need no permission to.

    Raises:
        UserError: the driver of the database is not installed.
    """
    path = sqlite_path(address)
    if path is None:
        return server_engine(address)
    # Without a pool each transaction opens the file, and so finds out whether a writer has been killed meanwhile.
    engine = sa.create_engine("sqlite://", creator=lambda: connect_read_only(path), poolclass=NullPool)
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def writing_engine(address: sa.URL) -> sa.Engine:
    """An engine for reading and writing; creates and checks no tables.

    Raises:
        UserError: the driver of the database is not installed.
    """
    if sqlite_path(address) is None:
        return server_engine(address)
    engine = sa.create_engine(address, connect_args={"timeout": BUSY_SECONDS})

    def prepare(connection: Any, _: object) -> None:
        # Python's sqlite3 would not begin a transaction before CREATE TABLE; `begin` below always does.
        connection.isolation_level = None
        cursor = connection.cursor()
        # A rollback journal instead of WAL, which breaks on network file systems. Committed data is with the operating
        # system, so a killed process loses nothing. NORMAL is twice as fast as FULL; only a power cut can lose data.
        cursor.execute("PRAGMA journal_mode=PERSIST")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    def begin(connection: sa.Connection) -> None:
        # A transaction that begins as a reader may fail to become a writer later.
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    sa.event.listen(engine, "connect", prepare)
    sa.event.listen(engine, "begin", begin)
    return engine


def server_engine(address: sa.URL, **pool: Any) -> sa.Engine:
    """An engine of a PostgreSQL server.

    Raises:
        UserError: the driver is not installed.
    """
    # Parameters in the address itself take precedence.
    options = {name: value for name, value in _LIBPQ.items() if name not in address.query}
    try:
        return sa.create_engine(address, pool_pre_ping=True, connect_args=options, **pool)
    except ModuleNotFoundError as error:
        raise UserError(MISSING_DRIVER) from error


@contextlib.contextmanager
def write_transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Commits everything that the block writes, or nothing if it raises."""
    with engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
        yield connection


def has_tables(address: sa.URL) -> bool:
    """Whether the database exists and has any tables.

    Raises:
        UserError: it cannot be read.
    """
    path = sqlite_path(address)
    if path is not None and not path.is_file():
        return False
    engine = reading_engine(address)
    try:
        return bool(sa.inspect(engine).get_table_names())
    except sa.exc.DBAPIError as error:
        raise UserError(
            f"cannot read the study record {without_password(address)}: {first_line(error.orig or error)}"
        ) from error
    finally:
        engine.dispose()


class DatabaseClient(Protocol):
    """An object whose methods can be decorated with `retry_while_unreachable`.

    Attributes:
        address: address of the database.
        patience: seconds for which to retry while the database does not respond.
        lock_patience: the same while another program keeps a SQLite file locked.
    """

    address: sa.URL
    patience: float
    lock_patience: float


def retry_while_unreachable(method: F) -> F:
    """Decorates a method of a `DatabaseClient` that is one transaction: repeats it while the database does not respond.

    If the connection breaks during a transaction, nobody knows whether it was committed. So the method must have the
    same effect when it runs twice. After `patience` seconds it gives up, and from then on fails at the first error.

    Raises:
        UserError: the database does not respond, or denies access.
    """

    @functools.wraps(method)
    def retrying(self: DatabaseClient, *args: Any, **kwargs: Any) -> Any:
        began: float | None = None
        pause = _FIRST_PAUSE
        while True:
            try:
                return method(self, *args, **kwargs)
            except sa.exc.DBAPIError as error:
                if not _is_database_trouble(error):
                    raise
                trouble: sa.exc.DBAPIError = error
            now = time.monotonic()
            shown = f"the study record {without_password(self.address)}"
            reason = first_line(trouble.orig or trouble)
            locked = getattr(trouble.orig, "sqlite_errorname", "").startswith("SQLITE_BUSY")
            advice = "; close the program that has the file open" if locked else ""
            patience = self.lock_patience if locked else self.patience
            if began is None:
                began = now
                if patience > 0:
                    print(
                        f"{shown} does not respond ({reason}): retrying for {patience:.0f} s{advice}",
                        file=sys.stderr,
                        flush=True,
                    )
            left = began + patience - now
            if left <= 0:
                self.patience = self.lock_patience = 0.0
                raise UserError(f"cannot use {shown} ({reason}){advice}") from trouble
            time.sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST_PAUSE)

    return cast("F", retrying)


def _is_database_trouble(error: sa.exc.DBAPIError) -> bool:
    """Whether the database or the connection is the cause, rather than a mistake in this program."""
    kinds = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError)
    state = getattr(error.orig, "sqlstate", None)
    return isinstance(error, kinds) or error.connection_invalidated or state == _NO_PERMISSION
