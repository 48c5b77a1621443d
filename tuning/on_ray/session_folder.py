"""The temporary folder of a private Ray instance: where it is, what Ray wrote there, and the processes that use it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

from amc.errors import UserError
from analysis.record.connection.lock import study_lock

PREFIX = "amc-ray-"
# A Unix socket's path has at most 107 characters, of which Ray adds 64 to the folder and `mkdtemp` 17 to its parent.
LONGEST_PARENT = 107 - 64 - len(PREFIX) - 9
_PARENTS = ("/tmp", "/var/tmp", "/dev/shm")


def parents() -> list[Path]:
    """The folders that are tried, in this order: $TMPDIR and the system's, as far as their paths are short enough."""
    named = [os.environ.get("TMPDIR", ""), *_PARENTS]
    return [Path(name) for name in dict.fromkeys(named) if name and len(name.rstrip("/")) <= LONGEST_PARENT]


@contextlib.contextmanager
def session_folder() -> Iterator[Path]:
    """Yields a temporary folder for one Ray instance, and deletes those that killed drivers left.

    Raises:
        UserError: no folder can be written.
    """
    for lock in [path for parent in parents() for path in parent.glob(f"{PREFIX}*/lock")]:
        with contextlib.suppress(UserError, OSError):
            # A killed driver's lock names it. Without a name the driver has just made the folder, or is deleting it.
            if lock.stat().st_size:
                with study_lock(lock, "that session"):
                    kill_processes(lock.parent)
                    shutil.rmtree(lock.parent, ignore_errors=True)
    folder = _new_folder()
    try:
        with study_lock(folder / "lock", "this session"):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _new_folder() -> Path:
    reasons = []
    for parent in parents():
        try:
            return Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        except OSError as error:
            reasons.append(f"{parent}: {error.strerror}")
    raise UserError(
        f"Ray cannot start: it has no temporary folder ({'; '.join(reasons)}): set TMPDIR to a folder that can be "
        f"written, whose path has at most {LONGEST_PARENT} characters"
    )


def kill_processes(folder: Path) -> None:
    """Kills the processes that were started with this session folder; its workers then end by themselves."""
    mark = os.fsencode(f"{folder}/")
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(entry.name) != os.getpid() and mark in (entry / "cmdline").read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)


def last_log_line(folder: Path) -> str:
    """The last line that a worker or a part of Ray wrote to its error log; empty if there is none."""
    logs = folder / "session_latest" / "logs"
    for pattern in ("worker-*.err", "raylet.err", "gcs_server.err", "runtime_env_setup-*.log"):
        for path in sorted(logs.glob(pattern), key=lambda path: path.name, reverse=True):
            lines = [line for line in _lines(path) if line and not _is_rays_own(line)]
            if lines:
                return lines[-1][:300]
    return ""


def worker_died_at_start(folder: Path) -> bool:
    """Whether Ray noticed that a worker's process ended before it was ready."""
    return any("crashed during start" in line for line in _lines(folder / "session_latest" / "logs" / "raylet.err"))


def _is_rays_own(line: str) -> bool:
    """Whether a line was written by Ray's logger, or is part of a C++ stack trace."""
    return bool(re.match(r"\[\d{4}-|\*\*\*|    @|/.*\(\+0x", line))


def _lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 65536))
            return [line.rstrip() for line in file.read().decode(errors="replace").splitlines()]
    except OSError:
        return []
