"""What all commands have in common."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from amc.cli.command import run

ROOT = Path(__file__).resolve().parents[2]
_PRINTS = """
import sys
from amc.cli.command import run

def main():
    for line in range(100_000):
        print(line)
    return 0

sys.exit(run(main))
"""


def test_a_reader_that_goes_away_ends_a_command_quietly() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _PRINTS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "0\n"
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), errors) == (1, "")


def test_another_pipe_that_breaks_is_not_taken_for_standard_output() -> None:
    def main() -> int:
        raise BrokenPipeError("to a worker")

    with pytest.raises(BrokenPipeError, match="to a worker"):
        run(main)
