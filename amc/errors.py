"""The exception that commands print as one line, with exit code 2, and a short form of other errors."""

from __future__ import annotations

import errno

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # no space, or more than the user may have


class UserError(Exception):
    """An error that the user can fix: a wrong argument, a missing or damaged file, too little memory or disk space.

    The message is one line that says what is wrong and what to do.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(str(message).split()))


def first_line(error: BaseException) -> str:
    """The first line of an error's message, at most 300 characters; the error's type if it has no message."""
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__


def cannot_write(path: object, error: BaseException) -> UserError:
    """The error for a file or folder that cannot be written; on a full disk it says to free some space."""
    reason = (error.strerror if isinstance(error, OSError) else None) or first_line(error)
    full = isinstance(error, OSError) and error.errno in DISK_FULL
    return UserError(f"cannot write {path}: {reason}{'; free some space or choose another disk' if full else ''}")
