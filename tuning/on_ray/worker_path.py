"""How Ray's workers are started: with which Python, and with which import path."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def python_command() -> dict[str, str]:
    """The part of a runtime environment that names this Python, if its path has a space or the like.

    Ray joins the command of a worker with spaces and gives it to a shell.
    """
    quoted = shlex.quote(sys.executable)
    return {} if quoted == sys.executable else {"py_executable": quoted}


def worker_pythonpath() -> str:
    """PYTHONPATH with this checkout first, so that workers find the packages; absolute, as they run elsewhere."""
    known = [str(ROOT), *map(os.path.abspath, filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)))]
    return os.pathsep.join(dict.fromkeys(known))


@contextlib.contextmanager
def without_current_folder(empty: Path) -> Iterator[None]:
    """Makes an empty folder the current one while Ray is started or joined.

    Ray puts the driver's current folder first on the import path of its workers, where a package in it would stand in
    for a library or a package of ours.
    """
    try:
        before = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    except OSError:  # the current folder was deleted
        before = -1
    os.chdir(empty)
    try:
        yield
    finally:
        if before >= 0:
            with contextlib.suppress(OSError):
                os.fchdir(before)
            os.close(before)
