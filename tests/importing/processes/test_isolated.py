"""A process that dies costs the item that it worked on and nothing else; real processes, really killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from amc.importing.processes.isolated import Died, surviving


def _square_or_die(item: int) -> int:
    if item % 5 == 3:
        os.kill(os.getpid(), signal.SIGSEGV)
    return item * item


def _die_once(marks: Path) -> str:
    mark = marks / "died"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def _refuse(item: int) -> int:
    if item == 2:
        raise LookupError("not this one")
    return os.getpid()


@pytest.mark.parametrize("workers", [1, 3])
def test_only_the_item_that_kills_is_lost(workers: int) -> None:
    found = list(surviving(_square_or_die, range(9), workers))
    assert found == [Died() if i % 5 == 3 else i * i for i in range(9)]


def test_a_death_from_outside_is_tried_again(tmp_path: Path) -> None:
    assert list(surviving(_die_once, [tmp_path], 1)) == ["done"]


def test_nothing_to_do() -> None:
    assert list(surviving(_refuse, [], 2)) == []


def test_always_in_another_process() -> None:
    (pid,) = surviving(_refuse, [0], 1)
    assert pid != os.getpid()


def test_what_the_function_raises_is_passed_on() -> None:
    results = surviving(_refuse, range(5), 2)
    next(results)
    with pytest.raises(LookupError, match="not this one"):
        list(results)


def test_closing_ends_the_processes() -> None:
    results = surviving(_refuse, [0] * 50, 2)
    pid = next(results)
    assert isinstance(pid, int)
    results.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
