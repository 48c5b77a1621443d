"""Lock files that name their holder. The operating system releases a lock when its holder ends, however it ends."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from amc.errors import UserError

_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)
_PATIENCE = 0.2  # seconds; `lock_holder` holds the lock for a moment, which must not keep a driver out

# File systems whose locks other hosts do not see: type and mount option ("" for any option).
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


@contextlib.contextmanager
def study_lock(path: Path, study: str) -> Iterator[None]:
    """Holds the lock file of a study's only driver during the block. After a kill the next driver can start at once.

    Args:
        path: the lock file; missing folders are created.
        study: name for the error message.

    Raises:
        UserError: another living process holds the lock (the message names process and host), or the file system has
            no locks.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(_acquired(path, _PATIENCE))
        except Timeout:
            raise study_is_running(study, _content(path) or "another process") from None
        _check_left_by_this_host(path)
        path.write_text(this_process(), encoding="utf-8")
        try:
            yield
        finally:
            # A driver that ends removes its name, one that is killed leaves it.
            with contextlib.suppress(FileNotFoundError):  # the file was deleted with its study
                os.truncate(path, 0)


@contextlib.contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Waits for the lock file and holds it during the block.

    Raises:
        UserError: the file system has no locks, or the file cannot be written.
    """
    with _acquired(path, -1):
        yield


def lock_holder(path: Path) -> str | None:
    """The living process that holds the lock file; None if no process does, or the lock cannot be checked.

    A shared lock on a file that was opened for reading is enough, so a user who cannot write the file sees its holder.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _content(path) or "another process"
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return None


def record_lock_path(database: Path, study: str) -> Path:
    """The lock file of a study in a SQLite record, beside the record; the same through any symbolic link."""
    real = database.resolve()
    return real.with_name(f".{real.name}.{study}.lock")


def this_process() -> str:
    """Process id and host, for the messages of processes that cannot get a lock."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def study_is_running(study: str, holder: str) -> UserError:
    """The error of a second driver of a study."""
    return UserError(f"study {study!r} is being run by {holder}: wait for it, or stop that process first")


def local_locks(path: Path, mounts: str) -> str:
    """The mount of a path if other hosts do not see its locks; else "".

    Args:
        path: absolute.
        mounts: content of /proc/self/mountinfo.
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


@contextlib.contextmanager
def _acquired(path: Path, timeout: float) -> Iterator[None]:
    """Holds a lock file; raises `filelock.Timeout` if another process still holds it after `timeout` seconds."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot create the folder {path.parent} ({error.strerror}): give another --out") from error
    # filelock's replacement for missing locks, a file that exists, would outlive a killed holder.
    lock = FileLock(path, timeout=timeout, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise
    except OSError as error:
        if error.errno in _NO_LOCKS:
            raise UserError(
                f"the file system of {path} has no file locks ({error.strerror}), so two drivers could run at once: "
                "give an --out on a local disk, or mount the file system with locks"
            ) from error
        raise UserError(f"cannot write the lock file {path}: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()


def _content(path: Path) -> str:
    with contextlib.suppress(OSError):
        return " ".join(path.read_text(encoding="utf-8", errors="replace")[:500].split())
    return ""


def _check_left_by_this_host(path: Path) -> None:
    """Checks a lock file that was just acquired for the name of a driver that may still be running on another host.

    Raises:
        UserError: it names a process of another host, whose locks are not visible here.
    """
    left = _content(path)
    if not left or left.endswith(f" on {socket.gethostname()}"):
        return
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return  # not Linux
    where = local_locks(path.resolve(), mounts)
    if where:
        raise UserError(
            f"{path} was left by {left}, and locks of other hosts are not visible here ({where}): "
            "make sure that process has ended, then delete the file"
        )
