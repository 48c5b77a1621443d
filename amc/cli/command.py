"""What all commands of the project share: one-line errors and exit codes."""

from __future__ import annotations

import argparse
import os
import select
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from amc.errors import UserError
from amc.stop_signals import INTERRUPTED

WRONG_USE, NO_SUCCESS = 2, 3  # exit codes, beside INTERRUPTED


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are a single line."""

    def error(self, message: str) -> NoReturn:
        """Raises a `UserError`, so that `run` prints one line and returns exit code 2."""
        raise UserError(f"{message} (see {self.prog} --help)")


def run(main: Callable[[], int]) -> int:
    """Exit code of a command: its own, 2 after a `UserError` (one line on standard error), 130 after Ctrl-C.

    A reader of standard output that goes away early, such as `head`, ends the command quietly with 1.
    """
    try:
        code = main()
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        if not _unread():
            raise
        return 1
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return WRONG_USE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def run_parsed(parser: Parser, arguments: Sequence[str] | None) -> int:
    """Exit code of a command that parses `arguments` and calls `args.run(args)`, with the errors of `run`."""

    def main() -> int:
        args = parser.parse_args(arguments)
        return int(args.run(args))

    return run(main)


def _unread() -> bool:
    """Whether nobody reads standard output any more; what is left to be written there goes nowhere then."""
    try:
        stream = sys.stdout.fileno()
    except (AttributeError, OSError, ValueError):
        return False  # it is no file
    poll = select.poll()
    poll.register(stream, 0)
    if not poll.poll(0):
        return False
    # Python flushes once more when it ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    return True


def check_out_folder(out: Path) -> None:
    """Checks that the folder `out` can be written or created; creates nothing.

    Raises:
        UserError: it cannot.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is not a folder: choose another one")
    existing = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise UserError(f"--out {out} cannot be created: {existing} is not a folder; choose another one")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(f"--out {out} cannot be written: no permission for {existing}; choose another one")
