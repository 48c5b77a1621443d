"""What Ray needs of a machine, checked before it is started: otherwise it waits for minutes, or ends the process."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
from pathlib import Path

from amc import cgroups
from amc.errors import UserError

OPEN_FILES, MOST_FILES = 1024, 65536
PROCESSES = 400  # threads of Ray's own processes and of the driver
PROCESSES_PER_WORKER = 100


def check_machine(workers: int) -> None:
    """Raises soft limits as far as allowed, and checks what Ray needs.

    Args:
        workers: trials in parallel.

    Raises:
        UserError: a limit is too low, or the loopback interface is down; the message says what to set.
    """
    files = raised_limit(resource.RLIMIT_NOFILE)
    if files is not None and files < OPEN_FILES:
        raise UserError(f"Ray cannot start: the limit of open files is {files}; raise it: ulimit -n {OPEN_FILES}")
    need = PROCESSES + PROCESSES_PER_WORKER * workers
    limit = raised_limit(resource.RLIMIT_NPROC)
    if limit is not None and os.getuid() != 0:  # the limit does not apply to root
        used = processes_of_user(os.getuid())
        if limit - used < need:
            raise UserError(
                f"Ray cannot start: the process limit of this user is {limit} and {used} are running; Ray needs about "
                f"{need} more; raise the limit: ulimit -u {used + need}"
            )
    free = cgroups.free_processes()
    if free is not None and free < need:
        raise UserError(
            f"Ray cannot start: this container may start {free} more processes, and Ray needs about {need}; raise its "
            "limit, such as docker run --pids-limit"
        )
    check_loopback()


def raised_limit(kind: int) -> int | None:
    """Raises a soft limit to the hard one; the limit, None if there is none."""
    soft, hard = resource.getrlimit(kind)
    wanted = hard if kind != resource.RLIMIT_NOFILE or 0 <= hard < MOST_FILES else max(soft, MOST_FILES)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(kind, (wanted, hard))
        soft = wanted
    return None if soft == resource.RLIM_INFINITY else soft


def processes_of_user(user: int) -> int:
    """How many processes and threads a user has."""
    count = 0
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if entry.stat().st_uid == user:
                count += sum(1 for _ in (entry / "task").iterdir())
    return count


def check_loopback() -> None:
    """Checks that this machine reaches itself.

    Raises:
        UserError: 127.0.0.1 does not answer.
    """
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=5).close()
    except OSError as error:
        raise UserError(
            f"Ray cannot start: 127.0.0.1 does not answer ({error.strerror or error}); activate the loopback "
            "interface: ip link set lo up"
        ) from error
