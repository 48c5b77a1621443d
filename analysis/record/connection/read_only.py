"""Connections that read a SQLite record and never change it, whatever state its writer left it in.

A writer that is killed in the middle of a transaction leaves the file half changed, and the old pages in a "hot"
journal beside it. SQLite lets only a connection that may write undo this. A reader therefore undoes it in a copy in
memory, and the next writer undoes it in the file.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import sqlite3
import tempfile
import time
from pathlib import Path

from amc.errors import UserError

BUSY_SECONDS = 30.0  # how long to wait for a transaction of another process

_READ_LOCK_START, _READ_LOCK_BYTES = 0x40000002, 510  # the bytes of the file that SQLite locks while it reads
_PAUSE = 0.1  # seconds between attempts


def connect_read_only(path: Path) -> sqlite3.Connection:
    """Connects to the last committed state of a SQLite file. Needs no permission to write the file or its folder.

    Raises:
        UserError: a file cannot be read.
        sqlite3.Error: the file is not a database, or another process keeps it locked for `BUSY_SECONDS`.
    """
    path = path.resolve()  # SQLite keeps the journal beside the file itself, not beside a link to it
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        connection = _connect(f"{path.absolute().as_uri()}?mode=ro")
        try:
            connection.execute("PRAGMA schema_version")  # the first read is when SQLite finds a hot journal
            return connection
        except sqlite3.Error as error:
            connection.close()
            if error.sqlite_errorname != "SQLITE_READONLY_ROLLBACK":
                raise
            copy = _rolled_back_copy(path)
            if copy is not None:
                return copy
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)


def _rolled_back_copy(path: Path) -> sqlite3.Connection | None:
    """The last committed state of a database with a hot journal, in memory; None while a writer uses the file."""
    with tempfile.TemporaryDirectory(prefix="amc-record-") as folder:
        copy = Path(folder) / path.name
        try:
            if not _copied(path, copy):
                return None
        except OSError as error:
            raise UserError(f"cannot read the study record {path}: {error.strerror}") from error
        memory = _connect(":memory:")
        with contextlib.closing(sqlite3.connect(copy)) as source:
            source.backup(memory)  # SQLite rolls the copy back before it reads it
        return memory


def _copied(path: Path, copy: Path) -> bool:
    """Copies a database and its journal as they are at one moment; False while a writer uses the file."""
    with path.open("rb") as file:
        try:
            # SQLite's own read lock: until the file is closed, no writer can change it or roll it back. (Opening and
            # closing it a second time would drop the lock, so the copy is read from the same handle.)
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB, _READ_LOCK_BYTES, _READ_LOCK_START)
        except (BlockingIOError, PermissionError):
            return False
        with copy.open("wb") as target:
            shutil.copyfileobj(file, target)
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(path.with_name(f"{path.name}-journal"), copy.with_name(f"{copy.name}-journal"))
    return True


def _connect(name: str) -> sqlite3.Connection:
    # Without isolation_level=None Python begins transactions by itself; the engine's events do so here.
    return sqlite3.connect(name, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
