"""The lock of a study whose record is on a database server, for drivers on different hosts.

It is a session advisory lock, held by the very connection that writes the record: when the server loses that
connection, it gives the lock back and drops what was not committed, so nobody writes without the lock. A new connection
begins with taking the lock again; a driver whose study was taken by another one meanwhile writes nothing any more.
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
from analysis.record.database import server_engine
from analysis.record.lock import refusal, this_process

GRACE = 3.0  # seconds in which a server must have noticed that a killed driver is gone

_NAME_LENGTH = 63  # bytes that a server keeps of an application's name
# Of the session, as far as the server knows them. It notices within a minute that the driver's host has vanished.
_SETTINGS = {
    "idle_session_timeout": "0",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
_SET = "SELECT set_config(name, %s, false) FROM pg_settings WHERE name = %s"
# A server may be set to forget the last commits in a crash: not those of what trials were told is on record.
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
    """An engine of one connection, which begins with taking the lock of `study`.

    Connecting raises UserError where another living process holds it; the message names process and host.
    """
    engine = server_engine(address, pool_size=1, max_overflow=0)
    token = secrets.token_hex(3)  # tells this driver's lost sessions from another's: pids and host names may repeat
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


def give_back(engine: sa.Engine) -> None:
    """Gives the lock of a `locking_engine` back; a server takes a moment to see that a connection was closed."""
    with contextlib.suppress(sa.exc.DBAPIError, UserError), engine.connect() as connection:
        connection.exec_driver_sql("SELECT pg_advisory_unlock_all()")
    engine.dispose()


def server_holder(engine: sa.Engine, study: str) -> str | None:
    """The process that drives `study`; None if none does."""
    with engine.connect() as connection:
        found = _holder(connection.exec_driver_sql, _key(study))
    return None if found is None else _shown(found[1])


@contextlib.contextmanager
def exclusive_on_server(address: str) -> Iterator[None]:
    """Waits until no other process is in such a block on the same database, and keeps others waiting."""
    engine = server_engine(sa.make_url(address))
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT pg_advisory_lock(%s)", (_key("tracking store"),))
            connection.commit()  # the lock stays; a transaction would keep the server's clean-up waiting
            yield
    finally:
        engine.dispose()


def making_tables(connection: sa.Connection) -> None:
    """Waits until no other process makes or changes tables there, and keeps others waiting until the commit."""
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
            # This driver's own: the connection broke, and the server has not noticed yet.
            cursor.execute("SELECT pg_terminate_backend(%s)", (found[0],))
        elif found is not None and time.monotonic() > deadline:
            raise refusal(study, _shown(found[1]))
        time.sleep(0.1)


def _holder(execute: Callable[[str, tuple[int, int]], Any], key: int) -> tuple[int, str] | None:
    unsigned = key % 2**64
    found = execute(_HOLDER, (unsigned >> 32, unsigned % 2**32)).fetchone()
    return None if found is None else (found[0], found[1] or "")


def _shown(name: str) -> str:
    _, found, process = name.partition(" process ")
    return f"process {process}" if found else "another process"


def _key(study: str) -> int:
    """A signed 64-bit number; the server keeps the locks of its databases apart."""
    return int.from_bytes(hashlib.sha256(f"amc-study:{study}".encode()).digest()[:8], "big", signed=True)
