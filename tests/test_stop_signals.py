from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from amc.stop_signals import INTERRUPTED, STOPS, StopSignals

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("number", STOPS)
def test_the_first_signal_is_a_flag_and_the_handlers_go_back(number: signal.Signals) -> None:
    before = [signal.getsignal(one) for one in STOPS]
    said: list[str] = []
    with StopSignals(lambda: said.append("stopping")) as stop:
        assert not stop()
        os.kill(os.getpid(), number)
        assert stop()
        os.kill(os.getpid(), signal.SIGUSR1)  # a scheduler's warning may come again
    assert said == ["stopping"]
    assert [signal.getsignal(one) for one in STOPS] == before


def test_a_reader_that_ended_first_does_not_keep_the_flag_down() -> None:
    def say() -> None:
        raise BrokenPipeError

    with StopSignals(say) as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.came


def test_the_second_ctrl_c_ends_the_process_at_once() -> None:
    program = (
        "import os, signal; from amc.stop_signals import StopSignals\n"
        "with StopSignals():\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    print('still here')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert (done.returncode, done.stdout) == (INTERRUPTED, "")
