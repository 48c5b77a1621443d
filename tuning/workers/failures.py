"""The cause of a failure: the trial itself, too little memory, or storage that cannot be written."""

from __future__ import annotations

import errno
import os
from pathlib import Path

MEMORY, STORAGE = "memory", "storage"  # causes outside the trial

_STORAGE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
# shutil and h5py raise errors without a number, with the system's message in their text.
_STORAGE_WORDS = tuple(os.strerror(number) for number in _STORAGE_ERRORS)
# torch may not be imported here: its own error class is recognised by name; its CPU allocator raises RuntimeError.
_MEMORY_CLASSES = ("OutOfMemoryError", "AcceleratorError")
_MEMORY_WORDS = (
    "out of memory",
    "bad_alloc",
    "alloc_failed",
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
)


def failure_cause(error: BaseException) -> str:
    """`MEMORY` or `STORAGE`; empty if the trial itself failed."""
    if isinstance(error, OSError) and (
        error.errno in _STORAGE_ERRORS or any(words in str(error) for words in _STORAGE_WORDS)
    ):
        return STORAGE
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return MEMORY
    text = str(error).lower()
    known = type(error).__name__ in _MEMORY_CLASSES or type(error) is RuntimeError
    return MEMORY if known and any(words in text for words in _MEMORY_WORDS) else ""


def oom_kill_count() -> int:
    """How many processes the kernel's out-of-memory killer has ended since boot; 0 if the system does not report it."""
    try:
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
