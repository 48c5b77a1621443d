"""Limits the memory of a trial, so that a trial that needs too much fails by itself.

Without a limit the kernel's out-of-memory killer picks a process, often another trial or the study's driver.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")


def limit_memory(limit: int | None) -> None:
    """Limits the memory of this process until it ends.

    With CUDA the limit applies to device memory, through PyTorch's allocator. On a CPU it applies to private writable
    memory, which is what grows during training; mapped files and libraries do not count, nor does what the process
    has already (the server's imports, shared by all its children). Systems other than Linux have no such limit; there
    nothing is limited.

    Args:
        limit: bytes; None is no limit.
    """
    if limit is None:
        return
    if torch.cuda.is_available():
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(memory_fraction(limit, total))
        return
    if sys.platform != "linux":  # elsewhere RLIMIT_DATA does not cover mapped memory, which allocators use
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = data_bytes() + limit
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def memory_fraction(limit: int, total: int) -> float:
    """The limit as a fraction of a device's memory, in [0, 1]."""
    return min(1.0, limit / total)


def data_bytes() -> int:
    """Private writable memory of this process in bytes, as RLIMIT_DATA counts it."""
    lines = _STATUS.read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:"))
