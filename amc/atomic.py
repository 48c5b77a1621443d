"""Atomic file writes: a file appears at its path once it is complete, so no reader ever sees a part of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def atomic_write(path: Path, *, exclusive: bool = False, fsync: bool = False) -> Iterator[Path]:
    """Yields a temporary path beside `path` to write to, and renames it to `path` when the block succeeds.

    If the block raises, the temporary file is deleted and `path` keeps its content. A killed process leaves the
    temporary file, whose name is hidden and ends in `.partial`.

    Args:
        path: the file; its folder exists.
        exclusive: no other process writes `path`, because this one holds a lock. The temporary name is then always
            the same, and a file that a killed process left there is deleted first.
        fsync: flush the content to the disk before renaming, so that it survives a power failure.

    Raises:
        OSError: the file cannot be written; the error names a file.
    """
    partial = path.with_name(f".{path.name}.partial" if exclusive else f".{path.name}.{os.getpid()}.partial")
    try:
        partial.unlink(missing_ok=True)
        yield partial
        if fsync:
            with partial.open("rb") as file:
                os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        if error.errno and error.filename is None:  # an error of `write` names no file, so a full disk had no name
            with suppress(AttributeError):  # read-only in the errors of some libraries, such as PyAV
                error.filename = str(path)
        raise
    finally:
        partial.unlink(missing_ok=True)
