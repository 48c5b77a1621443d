"""File locks that die with their holder: the operating system gives them back, however the holder ended."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from amc.errors import UserError


@contextmanager
def driving(path: Path, study: str) -> Iterator[None]:
    """Holds the lock at `path` for the one driver of `study`; a killed study can be started again at once.

    Raises:
        UserError: another living process holds it; the message names process and host.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Opened for append: the holder's name in it must stay until the lock is ours.
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise UserError(
                f"study {study!r} is being run by {holder}: wait for it, or stop that process first"
            ) from error
        file.seek(0)
        file.truncate()
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Waits for the lock at `path` and holds it for the block."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
