"""Peak memory of training steps on the CPU, as Linux counts it: `python -m amc.selftest.memory PRESET THREADS`.

It runs in a process of its own, because memory that was used and freed before would hide the peak.
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
    """Whether this system reports the peak memory of a process and can reset it."""
    return (_PROCESS / "status").is_file() and os.access(_PROCESS / "clear_refs", os.W_OK)


def peak_bytes(preset: str) -> int:
    """Peak resident memory in bytes that two steps add to this process."""
    keep_memory()
    at = setting(preset, torch.device("cpu"))
    step, batch = AMCStep(at.config, at.device), at.batch(at.config, 0)
    return added_by(lambda number: step(batch, number))


def added_by(step: Callable[[int], object]) -> int:
    """Peak resident memory in bytes that steps 0 and 1 add to this process, which must not have done other work."""
    (_PROCESS / "clear_refs").write_text("5")  # reset the peak, including one inherited from the parent
    before = _status("VmRSS")
    for number in range(2):
        step(number)
    return _status("VmHWM") - before


def _status(name: str) -> int:
    """An entry of /proc/self/status, in bytes."""
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
