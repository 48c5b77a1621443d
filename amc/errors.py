"""The one exception that a command turns into a single line on standard error and exit status 2."""

from __future__ import annotations


class UserError(Exception):
    """Something the user can mend: a wrong argument, a missing or broken file, too small a machine.

    The message is one line that names what is wrong and says what to do.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(str(message).split()))
