"""The exception that a command turns into one line on standard error and exit status 2, and a short form of others."""

from __future__ import annotations


class UserError(Exception):
    """Something the user can mend: a wrong argument, a missing or broken file, too small a machine.

    The message is one line that names what is wrong and says what to do.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(str(message).split()))


def first_line(error: BaseException) -> str:
    """The first line of an error's message, at most 300 characters; the error's type if it has no message."""
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__
