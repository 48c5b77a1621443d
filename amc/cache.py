"""The cache folder, and files that one process makes while the others wait for it.

A file is made under a lock that belongs to its path, and appears when it is complete (`amc.atomic`). The operating
system releases a killed process's lock; the next process that makes the file deletes what the killed one left.
"""

from __future__ import annotations

import errno
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from amc.atomic import atomic_write
from amc.errors import DISK_FULL, UserError, cannot_write

TELL_SECONDS = 10.0  # of waiting for another process, after which the user is told


def cache_dir() -> Path:
    """The folder for generated data and trained classifiers: $AMC_CACHE, else `amc-gan` in the user's cache folder."""
    named = os.environ.get("AMC_CACHE")
    if named:
        return Path(named).expanduser().absolute()
    return platformdirs.user_cache_path("amc-gan", appauthor=False, opinion=False)


@contextmanager
def creating(path: Path, *, wait: bool = False) -> Iterator[Path]:
    """Yields a temporary path to write to, and renames it to `path` when the block succeeds.

    If the block raises, the temporary file is deleted and `path` keeps its content.

    Args:
        path: the file; missing folders are created.
        wait: wait for another process that is writing this file, instead of raising an error.

    Raises:
        UserError: the folder cannot be written, the disk is full, or another process is writing this file.
    """
    path = Path(path).expanduser().absolute()
    with locked(path, wait=wait), _partial(path) as partial:
        try:
            yield partial
        except OSError as error:
            if error.errno in DISK_FULL:
                raise cannot_write(path, error) from error
            raise


def make_once(path: Path, make: Callable[[Path], None], *, usable: Callable[[Path], bool] = Path.is_file) -> Path:
    """Returns `path`, and calls `make(temporary path)` first if the file is missing.

    If several processes call this at the same time, one makes the file and the others wait.

    Args:
        path: the file; missing folders are created.
        make: writes the file it is given.
        usable: whether the existing file can be used; if not, it is replaced.

    Raises:
        UserError: the folder cannot be written.
    """
    path = Path(path).expanduser().absolute()
    if path.exists() and usable(path):
        return path
    with locked(path, wait=True):
        # Another process may have made it while this one waited for the lock.
        if not (path.exists() and usable(path)):
            with _partial(path) as partial:
                make(partial)
    return path


@contextmanager
def _partial(path: Path) -> Iterator[Path]:
    """`atomic_write` for the holder of the path's lock; fails at once, not after an hour's work, if it cannot write."""
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, "it is a folder")
            if path.exists() and not path.is_file():
                # Renaming would replace a device or a pipe by an ordinary file.
                raise OSError(errno.EINVAL, "it is not an ordinary file")
            partial = stack.enter_context(atomic_write(path, exclusive=True))
        except BlockingIOError as error:  # another process, which has another cache folder for its locks
            raise _busy(path) from error
        except OSError as error:
            raise cannot_write(path, error) from error
        yield partial


@contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[None]:
    """Holds the lock of a path, which keeps out other processes that ask for it.

    Args:
        path: absolute; the file need not exist.
        wait: wait for the process that holds the lock, instead of raising an error; a long wait is told on standard
            error.

    Raises:
        UserError: the cache folder cannot be written, or another process holds the lock and `wait` is False.
    """
    # Locks are in the cache folder, not beside the user's files, and stay: deleting a lock that others wait for
    # would let two processes in.
    key = hashlib.sha256(os.fsencode(path)).hexdigest()[:32]
    folder = cache_dir() / "locks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{key}.lock")
        _acquire(lock, path, wait=wait)
    except Timeout as error:
        raise _busy(path) from error
    except OSError as error:
        raise UserError(
            f"cannot write the cache folder {cache_dir()}: {error.strerror or error}; set AMC_CACHE to another folder"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: FileLock, path: Path, *, wait: bool) -> None:
    try:
        lock.acquire(timeout=TELL_SECONDS if wait else 0)
    except Timeout:
        if not wait:
            raise
        with suppress(OSError):
            print(f"waiting for another process, which is making {path}", file=sys.stderr, flush=True)
        lock.acquire()


def _busy(path: Path) -> UserError:
    return UserError(f"another process is writing {path}: wait until it is done, or choose another file")
