"""Workers of the importers: order, memory, errors, and that nothing is left of them whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from amc.errors import UserError
from amc.importing.processes.pool import cores, in_order

ROOT = Path(__file__).parents[3]
SOON = 60.0  # seconds; far more than anything here takes


def _slow_first(item: int) -> tuple[int, int]:
    time.sleep(0.3 if item == 0 else 0.0)
    return item * item, os.getpid()


def _fail_at(bad: int, item: int) -> int:
    if item == bad:
        raise UserError(f"item {item} is bad")
    return item


def _unpicklable(item: int) -> int:
    error = ValueError("odd")
    error.held = threading.Lock()  # type: ignore[attr-defined]
    raise error


def _die(item: int) -> int:
    if item == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def _chatter(item: int) -> bytes:
    print("a library's message", flush=True)
    return bytes(3_000_000) + bytes([item])


def _sleep(folder: str, item: int) -> int:
    Path(folder, f"{item}-{os.getpid()}").touch()
    time.sleep(600)
    return item


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def _wait_until(condition: object) -> None:
    assert callable(condition)
    end = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_the_items_order(workers: int) -> None:
    results = list(in_order(_slow_first, range(9), workers))
    assert [square for square, _ in results] == [i * i for i in range(9)]
    assert (os.getpid() in {pid for _, pid in results}) == (workers == 1)


def test_nothing_and_one_item_need_no_process() -> None:
    assert list(in_order(_slow_first, [], 4)) == []
    assert list(in_order(_slow_first, [3], 4)) == [(9, os.getpid())]


def test_what_the_function_raises_is_passed_on_in_its_turn() -> None:
    results = in_order(partial(_fail_at, 4), range(20), 2)
    assert [next(results) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(UserError, match="item 4 is bad"):
        next(results)


def test_an_exception_that_cannot_be_sent_is_told_in_words() -> None:
    with pytest.raises(RuntimeError, match="ValueError: odd"):
        list(in_order(_unpicklable, range(3), 2))


def test_a_worker_that_dies_is_an_error_with_advice() -> None:
    with pytest.raises(UserError, match=r"a worker process died .*: use fewer"):
        list(in_order(_die, range(6), 2, advice="use fewer"))


def test_large_results_and_what_libraries_print() -> None:
    results = list(in_order(_chatter, range(6), 2))
    assert [(len(r), r[-1]) for r in results] == [(3_000_001, i) for i in range(6)]


def test_no_more_than_a_few_results_wait(tmp_path: Path) -> None:
    with closing(in_order(partial(_touch, str(tmp_path)), range(40), 2)) as results:
        next(results)
        time.sleep(0.5)
        assert len(list(tmp_path.iterdir())) <= 5  # the one taken, and two a worker


def _touch(folder: str, item: int) -> int:
    Path(folder, str(item)).touch()
    return item


def test_closing_ends_workers_in_the_middle_of_an_item(tmp_path: Path) -> None:
    results = in_order(partial(_sleep, str(tmp_path)), range(4), 2)

    def take() -> None:
        with pytest.raises(UserError, match="worker process died"):
            next(results)

    taking = threading.Thread(target=take, daemon=True)
    taking.start()
    _wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
    pids = [int(path.name.partition("-")[2]) for path in sorted(tmp_path.iterdir())]
    # The first item's, so the thread ends with an error and closes the generator.
    os.kill(pids[0], signal.SIGKILL)
    taking.join(SOON)
    _wait_until(lambda: not any(map(_alive, pids)))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_of_a_process_that_is_stopped(tmp_path: Path, how: signal.Signals) -> None:
    script = (
        "from functools import partial\n"
        "from amc.importing.processes.pool import in_order\n"
        "from tests.importing.processes.test_pool import _sleep\n"
        f"list(in_order(partial(_sleep, {str(tmp_path)!r}), range(4), 2))\n"
    )
    # Without a guard for the main module, which workers must not need.
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stderr=subprocess.PIPE)
    try:
        _wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
        pids = [int(path.name.partition("-")[2]) for path in sorted(tmp_path.iterdir())]
        parent.send_signal(how)
        _, said = parent.communicate(timeout=SOON)
    finally:
        parent.kill()
    assert parent.returncode == -how
    assert b"KeyboardInterrupt" in said or how != signal.SIGINT
    _wait_until(lambda: not any(map(_alive, pids)))


def test_cores() -> None:
    assert cores() >= 1
