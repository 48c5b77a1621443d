"""Runs a command as a user would, and tells where it hangs if it does."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest


def run_command(
    command: Sequence[str | Path],
    folder: Path,
    *,
    seconds: float,
    environment: Mapping[str, str] = os.environ,
    merged: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Like `subprocess.run` with captured output.

    If the command takes longer than `seconds`, it prints the Python stack of each of its threads and is killed, and
    the test fails with all that was printed and with what the trials wrote to their logs last.

    Args:
        folder: the command's current folder.
        merged: standard error is in the output too, in the order of the lines.
    """
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**environment, "PYTHONFAULTHANDLER": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if merged else subprocess.PIPE,
        text=True,
    )
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        try:
            output, errors = process.communicate(timeout=20)
        except subprocess.TimeoutExpired:  # another process holds its output open
            process.kill()
            raise
        for log in sorted(folder.glob("runs/*/logs/*.log")):
            output += f"--- {log}\n{log.read_text(errors='replace')[-1000:]}"
        pytest.fail(f"{command} has not ended after {seconds:g} s; it printed:\n{output}{errors or ''}")
    return subprocess.CompletedProcess(command, process.returncode, output, errors)
