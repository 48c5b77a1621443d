"""Progress of long work: a bar with the time left on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

# Called with (done, total) whenever there is something new.
Progress = Callable[[int, int], None]

_SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def console(title: str, unit: str) -> Iterator[Progress]:
    """A `Progress` that shows itself on standard error."""
    if sys.stderr.isatty():
        with tqdm(desc=title, unit=unit, file=sys.stderr, dynamic_ncols=True) as bar:

            def draw(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            yield draw
        return
    started = last = time.monotonic()

    def say(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done < total and now - last < _SECONDS_BETWEEN_LINES:
            return
        last = now
        left = (now - started) / max(done, 1) * (total - done)
        print(f"{title}: {done}/{total} {unit}s, {left:.0f} s left", file=sys.stderr, flush=True)

    yield say
