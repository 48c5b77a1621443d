"""Progress of long work: a bar with the remaining time on a terminal, else a plain line now and then.

Functions that take long accept a `Progress` and call it; commands decide whether to show it. It goes to standard error,
because standard output is for results.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from tqdm import tqdm

LINE_EVERY = 10.0  # seconds between plain lines
WORTH_A_LINE = 2.0  # seconds; quicker work prints no line


class Progress(Protocol):
    """A callback that long work calls as it advances; `done` may jump to `total` if the work ends early."""

    def __call__(self, done: int, total: int, note: str = "", /) -> None:
        """Reports `done` of `total` units; `note` is a short status text."""


@contextmanager
def console(title: str, unit: str) -> Iterator[Progress]:
    """Yields a `Progress` that shows the work `title`, counted in `unit`, on standard error."""
    if not sys.stderr.isatty():
        yield _Lines(title, unit)
        return
    with tqdm(desc=title, unit=f" {unit}", file=sys.stderr, dynamic_ncols=True) as bar:

        def draw(done: int, total: int, note: str = "", /) -> None:
            bar.total = total
            bar.set_postfix_str(note, refresh=False)
            bar.update(done - bar.n)

        yield draw


class _Lines:
    """Prints a line at most every `LINE_EVERY` seconds, and at the end of work that took `WORTH_A_LINE` seconds."""

    def __init__(self, title: str, unit: str) -> None:
        self.title = title
        self.units = unit + ("es" if unit.endswith(("ch", "s", "x")) else "s")
        self.start = self.last = time.monotonic()

    def __call__(self, done: int, total: int, note: str = "", /) -> None:
        now = time.monotonic()
        ends = done >= total
        spent = now - self.start
        if spent < WORTH_A_LINE or (not ends and now - self.last < LINE_EVERY):
            return
        self.last = now
        when = f"{spent:.0f} s" if ends else f"{spent / max(done, 1) * (total - done):.0f} s left"
        print(
            ", ".join([f"{self.title}: {done}/{total} {self.units}", when, *filter(None, [note])]),
            file=sys.stderr,
            flush=True,
        )
