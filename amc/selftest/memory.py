"""Peak memory of training steps on the CPU, as Linux counts it: `python -m amc.selftest.memory PRESET THREADS`.

In a process of its own, since memory that was used before and freed would hide what the steps take.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from amc.machine.capabilities import keep_memory
from amc.methods.amc_gan.step import AMCStep
from amc.selftest.setting import setting

_PROCESS = Path("/proc/self")


def available() -> bool:
    """Whether this system counts a process's peak memory and lets it start anew."""
    return (_PROCESS / "status").is_file() and os.access(_PROCESS / "clear_refs", os.W_OK)


def peak_bytes(preset: str) -> int:
    """Peak resident memory that two steps add to this process."""
    keep_memory()
    at = setting(preset, torch.device("cpu"))
    step, batch = AMCStep(at.config, at.device), at.batch(at.config, 0)
    return added_by(lambda number: step(batch, number))


def added_by(step: Callable[[int], object]) -> int:
    """Peak resident memory in bytes that steps 0 and 1 add to this process, which has done nothing else."""
    (_PROCESS / "clear_refs").write_text("5")  # forget the peak so far, and any inherited from the parent
    before = _status("VmRSS")
    for number in range(2):
        step(number)
    return _status("VmHWM") - before


def _status(name: str) -> int:
    """A figure of this process in bytes."""
    lines = (_PROCESS / "status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def main(arguments: Sequence[str]) -> int:
    """Prints the number."""
    preset, threads = arguments
    torch.set_num_threads(int(threads))
    print(peak_bytes(preset))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
