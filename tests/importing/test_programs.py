"""Foreign programs as child processes that never outlive the process that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from amc.importing.programs import CANNOT_RUN, running
from tests.importing.running import alive, needs_proc, wait_for

ROOT = Path(__file__).resolve().parents[2]
SOON = 60.0
_SLEEPS = "import os, pathlib, sys, time; pathlib.Path(sys.argv[1], str(os.getpid())).touch(); time.sleep(600)"
_ASKS = (
    "import sys\n"
    "from amc.importing.programs import running\n"
    "with running(sys.argv[1:]) as process:\n"
    "    process.wait()\n"
)


def _started(folder: Path) -> int:
    wait_for(lambda: bool(list(folder.iterdir())))
    return int(next(folder.iterdir()).name)


def test_streams_and_exit_code_are_the_programs() -> None:
    script = "import sys; print('out'); print('err', file=sys.stderr); print(repr(sys.stdin.read())); sys.exit(7)"
    with running([sys.executable, "-c", script]) as process:
        output, errors = process.communicate(b"in", timeout=SOON)
    assert (process.returncode, output, errors) == (7, b"out\n'in'\n", b"err\n")


def test_a_signal_that_ends_the_program_is_its_exit_code() -> None:
    with running([sys.executable, "-c", "import os; os.kill(os.getpid(), 11)"]) as process:
        process.communicate(timeout=SOON)
    assert process.returncode == -signal.SIGSEGV


def test_the_program_ending_ends_its_output() -> None:
    with running([sys.executable, "-c", "print('last')"]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"last\n"
        assert process.stdout.readline() == b""


def test_a_program_that_cannot_be_run() -> None:
    with running(["/no/such/program"], stdin=subprocess.DEVNULL) as process:
        _, errors = process.communicate(timeout=SOON)
    assert (process.returncode, errors) == (CANNOT_RUN, b"No such file or directory\n")


@needs_proc
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_the_process_that_started_it(tmp_path: Path, how: signal.Signals) -> None:
    command = [sys.executable, "-c", _ASKS, sys.executable, "-c", _SLEEPS, str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    pid = _started(tmp_path)
    process.send_signal(how)
    process.wait(SOON)
    wait_for(lambda: not alive(pid))


@needs_proc
def test_it_ends_with_the_block_and_so_do_its_children(tmp_path: Path) -> None:
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {_SLEEPS!r}, sys.argv[1]])"
    with running([sys.executable, "-c", script, str(tmp_path)]) as process:
        grandchild = _started(tmp_path)
    assert process.returncode == -signal.SIGKILL
    wait_for(lambda: not alive(grandchild))


def test_it_is_killed_after_a_timeout(tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired), running([sys.executable, "-c", _SLEEPS, str(tmp_path)]) as process:
        process.communicate(timeout=0.5)
    assert process.returncode is not None


def test_the_program_sees_this_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    with running([sys.executable, "-c", "import os; print(os.environ['PYTHONPATH'])"]) as process:
        assert process.communicate(timeout=SOON)[0] == b"/somewhere\n"


def test_descriptors_are_given_back() -> None:
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    for _ in range(3):
        with running([sys.executable, "-c", "import time; time.sleep(600)"]):
            pass
    assert not before or len(os.listdir("/proc/self/fd")) == before
