"""Runs external programs, such as OpenFace and the pose estimator, so that they never outlive this process.

`running` starts this file as a script, as a watcher between this process and the program. The watcher passes its
standard streams to the program, and kills it when this process closes a pipe or exits. It imports only the standard
library, so it starts quickly and does not depend on the import path.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO

CANNOT_RUN = 126  # exit code of a program that could not be started, as in a shell


@contextmanager
def running(
    command: Sequence[str], *, stdin: int = subprocess.PIPE, stderr: int | IO[bytes] = subprocess.PIPE
) -> Iterator[subprocess.Popen[bytes]]:
    """Starts a program, and kills it and its children when the block ends or this process does.

    The program sees this process's environment. Its standard output is a pipe. If it cannot be started, the process
    exits with `CANNOT_RUN` and the reason on standard error.

    Args:
        command: the program and its arguments.
        stdin: as in `subprocess.Popen`.
        stderr: as in `subprocess.Popen`.

    Raises:
        OSError: no further process can be started.
    """
    watched, held = os.pipe()  # closing `held`, by hand or by the kernel, tells the watcher to kill the program
    try:
        process = subprocess.Popen(
            [sys.executable, "-IS", __file__, str(watched), *command],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            pass_fds=[watched],
            start_new_session=True,  # so that Ctrl-C interrupts only this process, which then ends the block
        )
    except BaseException:
        os.close(held)
        raise
    finally:
        os.close(watched)
    try:
        yield process
    finally:
        os.close(held)
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with suppress(BrokenPipeError):  # unsent input
                    stream.close()


def _watch(watched: int, command: Sequence[str]) -> int:
    """Runs the command until it ends or `watched` is closed; returns its exit code, or dies of its signal."""
    try:
        process = subprocess.Popen(command, start_new_session=True)
    except OSError as error:
        print(error.strerror or error, file=sys.stderr)
        return CANNOT_RUN
    # Only the program may hold the other ends of these pipes, so that both sides see when it ends.
    for stream in (0, 1):
        os.close(stream)

    def kill_when_closed() -> None:
        while os.read(watched, 4096):
            continue
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    threading.Thread(target=kill_when_closed, daemon=True).start()
    code = process.wait()
    if code < 0:
        if -code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    sys.exit(_watch(int(sys.argv[1]), sys.argv[2:]))
