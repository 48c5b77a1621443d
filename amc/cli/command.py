"""What all commands share: one-line errors, exit codes, and the check of the output folder."""

from __future__ import annotations

import argparse
import errno
import io
import os
import select
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from amc.errors import DISK_FULL, UserError
from amc.stop_signals import INTERRUPTED

WRONG_USE, NO_SUCCESS = 2, 3  # exit codes, like INTERRUPTED


class Parser(argparse.ArgumentParser):
    """An argument parser whose error messages are one line."""

    def error(self, message: str) -> NoReturn:
        """Raises a `UserError`, so that `run` prints one line and returns exit code 2."""
        raise UserError(f"{message} (see {self.prog} --help)")


def run(main: Callable[[], int]) -> int:
    """Runs a command and returns its exit code: 2 after a `UserError`, printed as one line, and 130 after Ctrl-C.

    If the reader of standard output exits early, as `head` does, the command ends silently with exit code 1. Letters
    that the encoding of the output lacks are printed as escapes such as `\\xe9`.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
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
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            print(f"error: the name of a file is too long: {str(error.filename)[:100]}…", file=sys.stderr)
        elif error.errno in DISK_FULL and _is_full():
            print(f"error: cannot write standard output: {error.strerror}", file=sys.stderr)
        else:
            raise
        return WRONG_USE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def run_parsed(parser: Parser, arguments: Sequence[str] | None) -> int:
    """Parses `arguments` (default: `sys.argv`), calls `args.run(args)` and returns the exit code as `run` does."""

    def main() -> int:
        args = parser.parse_args(arguments)
        return int(args.run(args))

    return run(main)


def _unread() -> bool:
    """Whether the reader of standard output has exited; if so, redirects standard output to the null device."""
    try:
        stream = sys.stdout.fileno()
    except (AttributeError, OSError, ValueError):
        return False  # standard output is not a file
    poll = select.poll()
    poll.register(stream, 0)
    if not poll.poll(0):
        return False
    _drop_output(stream)
    return True


def _is_full() -> bool:
    """Whether standard output takes no more; if so, redirects it to the null device."""
    try:
        descriptor = sys.stdout.fileno()
    except (AttributeError, OSError, ValueError):
        return False  # standard output is not a file
    try:
        os.write(descriptor, b"\n")
    except OSError:
        _drop_output(descriptor)
        return True
    return False


def _drop_output(descriptor: int) -> None:
    # Python flushes standard output once more at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


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
