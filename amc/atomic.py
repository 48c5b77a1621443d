"""Atomic file writes: a file appears at its path once it is complete, so no reader ever sees a part of it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path


@contextmanager
def atomic_write(path: Path, *, exclusive: bool = False, fsync: bool = False) -> Iterator[Path]:
    """Yields a temporary path beside `path` to write to, and renames it to `path` when the block succeeds.

    If the block raises, the temporary file is deleted and `path` keeps its content. A killed process leaves the
    temporary file, whose name is hidden and ends in `.partial`.

    Args:
        path: the file; its folder exists.
        exclusive: keep other processes from writing `path` at the same time. The temporary name is then always the
            same and locked, and the content that a killed process left there is deleted first.
        fsync: flush the content to the disk before renaming, so that it survives a power failure.

    Raises:
        BlockingIOError: another process is writing `path`, which `exclusive` does not allow.
        OSError: the file cannot be written; the error names a file.
    """
    partial = path.with_name(f".{path.name}.partial" if exclusive else f".{path.name}.{os.getpid()}.partial")
    with ExitStack() as stack:
        if exclusive:
            stack.callback(os.close, _locked(partial))
        else:
            partial.unlink(missing_ok=True)
        try:
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


def _locked(partial: Path) -> int:
    """Opens the empty file `partial` and locks it until the returned descriptor is closed."""
    while True:
        descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BlockingIOError(error.errno, "another process is writing it", str(partial)) from error
            except OSError:
                pass  # a file system without locks
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), os.stat(partial)):
                    os.ftruncate(descriptor, 0)
                    return descriptor
            # Another process renamed or deleted it in between.
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
