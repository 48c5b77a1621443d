"""Progress of long work: a bar with the time left on a terminal, a plain line now and then elsewhere.

Work that takes long accepts a `Progress` and calls it; only commands decide to show one. All of it goes to standard
error, since standard output belongs to results.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from tqdm import tqdm

LINE_EVERY = 10.0  # seconds between plain lines
WORTH_A_LINE = 2.0  # seconds; of quicker work nobody needs to be told


class Progress(Protocol):
    """What long work calls whenever there is something new; `done` may jump to `total` when it ends early."""

    def __call__(self, done: int, total: int, note: str = "", /) -> None:
        """`note`: a few words on how it stands."""


@contextmanager
def console(title: str, unit: str) -> Iterator[Progress]:
    """A `Progress` that shows the work called `title` on standard error."""
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
    """A line at the end of what took `WORTH_A_LINE` seconds, and at most one every `LINE_EVERY` seconds before it."""

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
