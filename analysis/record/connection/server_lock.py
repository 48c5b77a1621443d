"""Locks on a PostgreSQL server, for drivers on different hosts.

A study's lock is a session advisory lock, held by the connection that writes the record. If the server loses the
connection, it releases the lock and rolls back what was not committed, so no driver writes without the lock. A new
connection first takes the lock again; if another driver has taken the study over, the old one can no longer write.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa

from amc.errors import UserError
from analysis.record.connection.database import server_engine
from analysis.record.connection.lock import study_is_running, this_process

GRACE = 3.0  # seconds within which the server notices that a driver was killed

_NAME_LENGTH = 63  # bytes of an application name that the server keeps
# Settings of the session, if the server has them. With these it notices within a minute that a host is gone.
_SETTINGS = {
    "idle_session_timeout": "0",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
_SET = "SELECT set_config(name, %s, false) FROM pg_settings WHERE name = %s"
# A server may be configured to lose the last commits in a crash; trials rely on these.
_DURABLE = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
_TAKE = "SELECT pg_try_advisory_lock(%s)"
_HOLDER = """
    SELECT held.pid, activity.application_name
    FROM pg_locks AS held LEFT JOIN pg_stat_activity AS activity ON activity.pid = held.pid
    WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 1
      AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND held.classid = (%s)::bigint::oid AND held.objid = (%s)::bigint::oid
"""


def locking_engine(address: sa.URL, study: str) -> sa.Engine:
    """An engine with one connection, which takes the study's lock when it connects.

    Connecting raises UserError if another living process holds the lock; the message names process and host.
    """
    engine = server_engine(address, pool_size=1, max_overflow=0)
    token = secrets.token_hex(3)  # identifies this driver's lost sessions; pids and host names may repeat
    name = f"amc {token} {this_process()}".encode()[:_NAME_LENGTH].decode(errors="ignore")

    def take(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        try:
            for setting, value in {"application_name": name, **_SETTINGS}.items():
                cursor.execute(_SET, (value, setting))
            cursor.execute(_DURABLE)
            _take(cursor, study, token)
            connection.commit()
        except BaseException:
            connection.close()
            raise

    sa.event.listen(engine, "connect", take)
    return engine


def release(engine: sa.Engine) -> None:
    """Releases the lock of a `locking_engine` at once; the server may notice a closed connection only later."""
    with contextlib.suppress(sa.exc.DBAPIError, UserError), engine.connect() as connection:
        connection.exec_driver_sql("SELECT pg_advisory_unlock_all()")
    engine.dispose()


def server_lock_holder(engine: sa.Engine, study: str) -> str | None:
    """The process that drives the study; None if no process does."""
    with engine.connect() as connection:
        found = _holder(connection.exec_driver_sql, _key(study))
    return None if found is None else _process_name(found[1])


@contextlib.contextmanager
def exclusive_server_lock(address: str) -> Iterator[None]:
    """Waits until no other process is in such a block for the same database, then runs the block."""
    engine = server_engine(sa.make_url(address))
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT pg_advisory_lock(%s)", (_key("tracking store"),))
            connection.commit()  # keeps the lock; an open transaction would block VACUUM
            yield
    finally:
        engine.dispose()


def lock_table_creation(connection: sa.Connection) -> None:
    """Waits until no other process is creating tables in the database, and keeps others out until the commit."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_key(""),))


def _take(cursor: Any, study: str, token: str) -> None:
    key, deadline = _key(study), time.monotonic() + GRACE
    while True:
        cursor.execute(_TAKE, (key,))
        if cursor.fetchone()[0]:
            return
        found = _holder(cursor.execute, key)
        if found is not None and found[1].startswith(f"amc {token} "):
            # The holder is this driver's broken connection, which the server has not noticed yet.
            cursor.execute("SELECT pg_terminate_backend(%s)", (found[0],))
        elif found is not None and time.monotonic() > deadline:
            raise study_is_running(study, _process_name(found[1]))
        time.sleep(0.1)


def _holder(execute: Callable[[str, tuple[int, int]], Any], key: int) -> tuple[int, str] | None:
    unsigned = key % 2**64
    found = execute(_HOLDER, (unsigned >> 32, unsigned % 2**32)).fetchone()
    return None if found is None else (found[0], found[1] or "")


def _process_name(name: str) -> str:
    _, found, process = name.partition(" process ")
    return f"process {process}" if found else "another process"


def _key(study: str) -> int:
    """The lock's number, signed 64-bit; locks of different databases on one server are separate."""
    return int.from_bytes(hashlib.sha256(f"amc-study:{study}".encode()).digest()[:8], "big", signed=True)
