"""The first seconds of a command, and standard streams that are closed, full or gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from amc.program import importing

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = [["tuning/run_search.py"], ["-m", "tuning", "list"], ["-m", "amc.data", "inspect", "no.h5"]]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_importing_is_one_line(number: signal.Signals) -> None:
    code = (
        "import os, time\nfrom amc.program import importing\n"
        f"with importing():\n    os.kill(os.getpid(), {int(number)})\n    time.sleep(60)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


def test_handlers_go_back_and_ignored_signals_stay_ignored() -> None:
    code = (
        "import signal\nfrom amc.program import importing\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "with importing():\n    signal.raise_signal(signal.SIGHUP)\n"
        "assert signal.getsignal(signal.SIGINT) is signal.default_int_handler\nprint('done')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
    with importing():
        pass


@pytest.mark.parametrize("command", COMMANDS, ids=["search", "tuning", "data"])
@pytest.mark.slow
def test_ctrl_c_as_soon_as_the_real_commands_run(command: list[str]) -> None:
    """In the middle of their imports, of which the import of numpy is an early one."""
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=-1, stderr=-1, text=True)
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if "numpy" in Path(f"/proc/{process.pid}/maps").read_text():
            process.send_signal(signal.SIGINT)
            break
        time.sleep(0.01)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "interrupted\n")


WRITER = (
    "import sys\nfrom amc.program import protect_streams\nprotect_streams()\n"
    "print('lost', file=sys.stderr, flush=True)\nprint('é also lost', file=sys.stderr)\n"
    "file = open(sys.argv[1], 'w')\nassert file.fileno() > 2\nfile.write('kept')\nprint('result')"
)


@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-", "0<&- 2>&-", "2> >(true)"])
def test_standard_error_that_takes_nothing_ends_nothing(redirection: str, tmp_path: Path) -> None:
    shell = f'"$0" -c "$1" "$2" {redirection}'
    command = ["bash", "-c", shell, sys.executable, WRITER, str(tmp_path / "file")]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert (done.returncode, done.stdout) == (0, "result\n")
    assert (tmp_path / "file").read_text() == "kept"


def test_closed_standard_output(tmp_path: Path) -> None:
    command = ["bash", "-c", '"$0" -c "$1" "$2" >&-', sys.executable, WRITER, str(tmp_path / "file")]
    done = subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (0, "lost\né also lost\n")
    assert (tmp_path / "file").read_text() == "kept"


def test_a_terminal_without_a_letter_shows_its_code() -> None:
    code = "import sys\nfrom amc.program import protect_streams\nprotect_streams()\nprint('é', file=sys.stderr)"
    environment = os.environ | {"PYTHONIOENCODING": "ascii:strict"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "\\xe9\n")
