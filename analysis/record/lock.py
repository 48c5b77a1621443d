"""File locks that die with their holder: the operating system gives them back, however the holder ended."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from amc.errors import UserError

_HELD = (errno.EWOULDBLOCK, errno.EACCES)  # by another process; any other error: this file system has no locks
_LOOKS, _PAUSE = 4, 0.05  # who asks whether a study runs holds its lock for a moment

# File systems on which locks of one host mean nothing on another one: type and mount option ("" for any).
_LOCAL_LOCKS = (
    ("nfs", "nolock"),
    ("nfs", "local_lock=flock"),
    ("nfs", "local_lock=all"),
    ("nfs4", "local_lock=flock"),
    ("nfs4", "local_lock=all"),
    ("lustre", "localflock"),
    ("cifs", "nobrl"),
    ("smb3", "nobrl"),
    ("fuse.sshfs", ""),
)


def this_process() -> str:
    """Names the holder of a lock to whoever is refused it."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def refusal(study: str, holder: str) -> UserError:
    """That a study has a living driver already."""
    return UserError(f"study {study!r} is being run by {holder}: wait for it, or stop that process first")


@contextlib.contextmanager
def driving(path: Path, study: str) -> Iterator[None]:
    """Holds the lock at `path` for the one driver of `study`; a killed study can be started again at once.

    Raises:
        UserError: another living process holds it (the message names process and host), or there are no locks here.
    """
    _make_folder(path.parent)
    with contextlib.ExitStack() as opened:
        for look in range(_LOOKS):
            # Opened for append: the holder's name in it must stay until the lock is ours.
            file = opened.enter_context(_opened(path))
            if _taken(file, path) and _there(file, path):
                break
            if look == _LOOKS - 1:
                raise refusal(study, _content(file) or "another process")
            time.sleep(_PAUSE)
        _check_left(_content(file), path)
        _write(file, this_process())
        try:
            yield
        finally:
            _write(file, "")


def holder(path: Path) -> str | None:
    """The living process that holds the lock at `path`; None if none does, or it can't be asked."""
    if not path.is_file():
        return None
    try:
        with _opened(path) as file:
            return None if _taken(file, path) else _content(file) or "another process"
    except UserError:
        return None


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Waits for the lock at `path` and holds it for the block.

    Raises:
        UserError: there are no locks here.
    """
    _make_folder(path.parent)
    with _opened(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            raise _no_locks(path, error) from error
        yield


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {path} ({error.strerror}): give another --out") from error


def record_lock(database: Path, study: str) -> Path:
    """Where the driver of `study` holds a SQLite record, whatever folder it runs in and by whatever link it came."""
    real = database.resolve()
    return real.with_name(f".{real.name}.{study}.lock")


def local_locks(path: Path, mounts: str) -> str:
    """The mount on which `path` is, if its locks hold on one host only; else "".

    Args:
        path: absolute.
        mounts: as in /proc/self/mountinfo.
    """
    found, depth = "", -1
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        point = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields.split()[4])
        if not path.is_relative_to(point) or len(Path(point).parts) < depth:
            continue
        depth = len(Path(point).parts)
        kind, _, options = rest.split(maxsplit=2)
        known = {*options.split(","), *fields.split()[5].split(","), ""}
        bad = next((option for type_, option in _LOCAL_LOCKS if type_ == kind and option in known), None)
        found = "" if bad is None else f"{kind} at {point}" + (f", {bad}" if bad else "")
    return found


def _opened(path: Path) -> TextIO:
    try:
        return path.open("a+", encoding="utf-8", errors="replace")
    except OSError as error:
        raise UserError(f"cannot write the lock {path}: {error.strerror}") from error


def _taken(file: TextIO, path: Path) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:
            return False
        raise _no_locks(path, error) from error
    return True


def _there(file: TextIO, path: Path) -> bool:
    """Whether `path` still is this file: whoever deletes a study takes its lock away with it."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False


def _no_locks(path: Path, error: OSError) -> UserError:
    return UserError(
        f"the file system of {path} has no file locks ({error.strerror}), so nothing would keep a second driver out: "
        "give an --out on a local disk, or mount it with locks"
    )


def _content(file: TextIO) -> str:
    file.seek(0)
    return " ".join(file.read(500).split())


def _write(file: TextIO, text: str) -> None:
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()


def _check_left(left: str, path: Path) -> None:
    """A driver that ends takes its name out, so a name that is left is that of one which was killed, or lives.

    Raises:
        UserError: it is another host's, whose locks are not seen here.
    """
    if not left or left.endswith(f" on {socket.gethostname()}"):
        return
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return  # no Linux
    where = local_locks(path.resolve(), mounts)
    if where:
        raise UserError(
            f"{path} was left by {left}, and locks of other hosts are not seen here ({where}): "
            "make sure that it has ended, then delete that file"
        )
