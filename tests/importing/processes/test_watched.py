"""Somebody's program as a child that never outlives the one who asked for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from amc.importing.processes.watched import CANNOT_RUN, run_watched

ROOT = Path(__file__).resolve().parents[3]
SOON = 60.0
_SLEEPS = "import os, pathlib, sys, time; pathlib.Path(sys.argv[1], str(os.getpid())).touch(); time.sleep(600)"
_ASKS = "import sys; from amc.importing.processes.watched import run_watched; run_watched(sys.argv[1:], 600)"


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _started(folder: Path) -> int:
    end = time.monotonic() + SOON
    while not list(folder.iterdir()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return int(next(folder.iterdir()).name)


def _gone(pid: int) -> bool:
    end = time.monotonic() + SOON
    while _alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    return not _alive(pid)


def test_output_and_code_are_the_programs() -> None:
    script = "import sys; print('out'); print('err', file=sys.stderr); print(repr(sys.stdin.read())); sys.exit(7)"
    done = run_watched([sys.executable, "-c", script], SOON)
    assert (done.returncode, done.stdout, done.stderr) == (7, b"out\n''\n", b"err\n")


def test_a_program_that_cannot_be_run() -> None:
    done = run_watched(["/no/such/program"], SOON)
    assert done.returncode == CANNOT_RUN
    assert b"cannot be run: No such file" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_the_process_that_asked(tmp_path: Path, how: signal.Signals) -> None:
    command = [sys.executable, "-c", _ASKS, sys.executable, "-c", _SLEEPS, str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    pid = _started(tmp_path)
    process.send_signal(how)
    process.wait(SOON)
    assert _gone(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_it_ends_when_it_takes_too_long(tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run_watched([sys.executable, "-c", _SLEEPS, str(tmp_path)], 5.0)
    assert not list(tmp_path.iterdir()) or _gone(_started(tmp_path))


def test_a_program_of_the_users_gets_the_users_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    done = run_watched([sys.executable, "-c", "import os; print(os.environ['PYTHONPATH'])"], SOON)
    assert done.stdout == b"/somewhere\n"
    assert "AMC_WATCHED_PYTHONPATH" not in os.environ
