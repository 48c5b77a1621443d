"""Processes of others: which a process has started, and whether they run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc about processes")


def wait_for(condition: Callable[[], bool]) -> None:
    """Waits until it holds; long, as the machine may be busy."""
    deadline = time.monotonic() + 200
    while not condition():
        assert time.monotonic() < deadline, "it did not come to this"
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    """The processes that this one has started and that run."""
    states = {int(path.name): _state(int(path.name)) for path in Path("/proc").glob("[0-9]*")}
    return [child for child, state in states.items() if state is not None and state[1] == pid]


def alive(pid: int) -> bool:
    """Whether it runs."""
    return _state(pid) is not None


def _state(pid: int) -> tuple[str, int] | None:
    """State and parent of a process that is not over."""
    try:
        # The name in brackets may hold anything.
        state, parent, *_ = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if state in "ZX" else (state, int(parent))
