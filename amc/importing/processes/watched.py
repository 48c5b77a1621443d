"""Somebody's program as a child that ends with this process, also where this process is killed.

The child is this module run as a program. It runs the other one, and ends it when its standard input ends: the other
end of that pipe is held by the process that asked, and closed by the system however that ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

CANNOT_RUN = 126  # exit code, as a shell's


def run_watched(command: Sequence[str], seconds: float) -> subprocess.CompletedProcess[bytes]:
    """What `subprocess.run` gives for the command, with its output captured and no input.

    Raises:
        subprocess.TimeoutExpired: it took longer, and was ended.
    """
    search = os.pathsep.join(path or os.getcwd() for path in sys.path)
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "amc.importing.processes.watched", *command],
            stdin=reading,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": search, "AMC_WATCHED_PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        )
        try:
            out, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            # The watcher ends the program then; killed itself it could not.
            os.close(writing)
            writing = -1
            process.communicate()
            raise
        return subprocess.CompletedProcess(command, process.returncode, out, errors)
    finally:
        os.close(reading)
        if writing >= 0:
            os.close(writing)


def main() -> int:
    """Runs the command in the arguments; its exit code. A signal that ended the program ends this one, too."""
    environment = {name: value for name, value in os.environ.items() if name != "AMC_WATCHED_PYTHONPATH"}
    # The program gets the path of the one who asked for it, not the one this module was found by.
    environment["PYTHONPATH"] = os.environ["AMC_WATCHED_PYTHONPATH"]
    try:
        process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, env=environment, start_new_session=True)
    except OSError as error:
        print(f"cannot be run: {error.strerror or error}", file=sys.stderr)
        return CANNOT_RUN

    def listen() -> None:
        # Not through sys.stdin, which the end of the interpreter would wait for.
        while os.read(0, 4096):
            continue
        # Its own children, too.
        os.killpg(process.pid, signal.SIGKILL)

    threading.Thread(target=listen, daemon=True).start()
    code = process.wait()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code not in (signal.SIGKILL, signal.SIGSTOP) else None
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    sys.exit(main())
