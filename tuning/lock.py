"""One driver a study: a file lock that dies with the process that holds it."""

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
    """Holds the lock at `path` for the driver of `study`.

    The operating system gives the lock back when its holder dies, however it dies, so a killed study can be started
    again at once. Children must not inherit it: the file is closed on exec, and no driver forks.

    Raises:
        UserError: another living process holds it; the message names process and host.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Opened for append: the holder's name in it must survive until the lock is ours.
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise UserError(f"study {study!r} is being run by {holder}: wait for it, or stop that process first") from error
        file.seek(0)
        file.truncate()
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield
