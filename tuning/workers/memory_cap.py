"""A trial's share of memory, enforced: beyond it the trial fails by itself instead of taking others with it.

Without a cap the kernel's out-of-memory killer chooses a victim, often another trial or the study's driver.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")


def apply(limit: int | None) -> None:
    """Caps what this process may take from now on, for the rest of its life; None is no cap.

    On CUDA the cap is on the device's memory, by PyTorch's allocator. On a CPU it is on private writable memory, which
    is what grows with a training step; mapped files and libraries do not count. What the process has already (the
    server's imports, shared by all its children) is not part of the share. Where the system has no such limit, as on
    macOS, nothing is capped.

    Args:
        limit: bytes.
    """
    if limit is None:
        return
    if torch.cuda.is_available():
        torch.cuda.set_per_process_memory_fraction(fraction(limit, torch.cuda.get_device_properties(0).total_memory))
        return
    if sys.platform != "linux":  # elsewhere the limit is not on what is mapped, which is what allocators use
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = data_bytes() + limit
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))


def fraction(limit: int, total: int) -> float:
    """A share of a device's memory as PyTorch asks for it, in [0, 1]."""
    return min(1.0, limit / total)


def data_bytes() -> int:
    """Private writable memory of this process, as the limit counts it."""
    lines = _STATUS.read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:"))
