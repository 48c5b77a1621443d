"""What a failure is about: the trial itself, too little memory, or a storage that takes no more."""

from __future__ import annotations

import errno
import os
from pathlib import Path

MEMORY, STORAGE = "memory", "storage"  # causes that are not the trial's own

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
# shutil and h5py say in words alone what the system told them.
_FULL_WORDS = tuple(os.strerror(number) for number in _FULL)
# Without torch at hand: its own class goes by name, and its CPU allocator raises a plain RuntimeError.
_MEMORY_CLASSES = ("OutOfMemoryError", "AcceleratorError")
_MEMORY_WORDS = (
    "out of memory",
    "bad_alloc",
    "alloc_failed",
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
)


def cause(error: BaseException) -> str:
    """`MEMORY`, `STORAGE`, or empty where the trial itself failed."""
    if isinstance(error, OSError) and (error.errno in _FULL or any(words in str(error) for words in _FULL_WORDS)):
        return STORAGE
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return MEMORY
    text = str(error).lower()
    known = type(error).__name__ in _MEMORY_CLASSES or type(error) is RuntimeError
    return MEMORY if known and any(words in text for words in _MEMORY_WORDS) else ""


def kernel_kills() -> int:
    """How many processes the kernel has killed for memory since the machine started; 0 where it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
