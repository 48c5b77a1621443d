"""Files that are made once and kept: the cache folder, and creation that is atomic, exclusive and safe to kill.

A file under construction is called `.NAME.partial` and lies beside its final place; it is renamed there when it is
complete, so that no reader ever sees half of it. One lock a path keeps two processes from making the same file.
The operating system drops the lock with the process, so a killed maker leaves nothing but a partial file, which the
next maker of that path removes.
"""

from __future__ import annotations

import errno
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from amc.errors import UserError


def cache_dir() -> Path:
    """The folder for made data and classifiers: $AMC_CACHE, else `amc-gan` in the platform's cache folder."""
    named = os.environ.get("AMC_CACHE")
    if named:
        return Path(named).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "amc-gan"


@contextmanager
def creating(path: Path, *, wait: bool = False) -> Iterator[Path]:
    """Make the file `path` atomically: write the yielded path, which is renamed to `path` when the block succeeds.

    When the block raises, the partial file is removed and `path` is left as it was. Processes that make the same
    path do so one after the other (`wait=True`) or not at all (`wait=False`).

    Raises:
        UserError: the folder cannot be written, or another process is making this file and `wait` is False.
    """
    path = Path(path).expanduser().absolute()
    with locked(path, wait=wait), _partial(path) as partial:
        yield partial


def make_once(path: Path, make: Callable[[Path], None], *, usable: Callable[[Path], bool] = Path.is_file) -> Path:
    """`path`, made by `make(temporary path)` where it is not there yet; several processes at once make it once.

    Args:
        path: where the file is to be.
        make: writes the file it is given.
        usable: tells whether what lies at `path` can be used; a file for which it is False is made anew.

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
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        if path.exists() and not path.is_file():
            # A device or a pipe, which the renaming would put an ordinary file in the place of.
            raise OSError(errno.EINVAL, "it is no ordinary file")
        partial.unlink(missing_ok=True)
        # Asked now, not after an hour's work.
        partial.touch()
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[None]:
    """Keep other processes that use this path's lock out, by waiting for them or by giving up.

    Args:
        path: absolute; it need not exist.

    Raises:
        UserError: the cache folder cannot be written, or another process has the lock and `wait` is False.
    """
    # Locks live in the cache folder and are never deleted: deleting a lock file that others wait on breaks it,
    # and a person's own folders should hold no lock files.
    key = hashlib.sha256(os.fsencode(path)).hexdigest()[:32]
    folder = cache_dir() / "locks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{key}.lock", timeout=-1 if wait else 0)
        lock.acquire()
    except Timeout as error:
        raise UserError(f"another process is writing {path}: wait until it is done, or choose another file") from error
    except OSError as error:
        raise UserError(
            f"cannot write the cache folder {cache_dir()}: {error.strerror or error}; set AMC_CACHE to another folder"
        ) from error
    try:
        yield
    finally:
        lock.release()
