"""An end by force: after two signals, or when an orderly end takes longer than was promised."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tuning.engine.interruption import CLOSE_SECONDS, FORCE_SECONDS

ROOT = Path(__file__).resolve().parents[3]
CODE = """
import os, signal, time
from tuning.engine import interruption
interruption.FORCE_SECONDS = {seconds}
stop = interruption.StopRequest(None)
stop.before_forced_exit = lambda: os.write(1, b"ended Ray")
with stop.signals:
    os.kill(os.getpid(), signal.SIGTERM)
    {then}
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("seconds", "then"), [(0.2, "pass"), (60.0, "os.kill(os.getpid(), signal.SIGINT)")], ids=["late", "twice"]
)
def test_the_processes_of_ray_end_with_the_study(seconds: float, then: str) -> None:
    code = CODE.format(seconds=seconds, then=then)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=55)
    assert (done.returncode, done.stdout) == (130, "ended Ray")
    assert done.stderr == "stopping: rerun the same command to resume\n"


def test_the_end_by_force_comes_within_what_is_promised() -> None:
    assert CLOSE_SECONDS < FORCE_SECONDS < 10  # docs/studies.md
