"""Worker processes: order, memory, errors, crashes, and that none is left; real processes, really killed."""

from __future__ import annotations

import os
import pickle
import signal
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from amc.errors import UserError
from amc.processes import WorkerDied, cores, crash_safe_map, parallel_map

ROOT = Path(__file__).parents[1]
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


def _crash(item: int) -> int:
    """Dies in three ways, as decoders do."""
    if item % 5 == 3:
        os.kill(os.getpid(), signal.SIGSEGV)
    if item == 4:
        os._exit(0)
    if item == 6:
        os.abort()
    return item * item


def _stuck_answer(item: int) -> Any:
    """Item 1 kills its process when half of its answer has been sent."""
    result = bytes(50_000_000)
    if item == 1:
        answers = 3  # the worker's first descriptor after the standard streams
        assert stat.S_ISFIFO(os.fstat(answers).st_mode)
        answer = pickle.dumps((True, result))
        with os.fdopen(answers, "wb", closefd=False) as stream:
            stream.write(answer[: len(answer) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    return result


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


def _chatter(item: int) -> bytes:
    print("a library's message", flush=True)
    return bytes(3_000_000) + bytes([item])


def _touch(folder: str, item: int) -> int:
    Path(folder, str(item)).touch()
    return item


def _sleep_after_first(folder: str, item: int) -> int:
    return item if item == 0 else _sleep(folder, item)


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
    results = list(parallel_map(_slow_first, range(9), workers))
    assert [square for square, _ in results] == [i * i for i in range(9)]
    assert (os.getpid() in {pid for _, pid in results}) == (workers == 1)


def test_no_item_or_one_item_needs_no_process() -> None:
    assert list(parallel_map(_slow_first, [], 4)) == []
    assert list(parallel_map(_slow_first, [3], 4)) == [(9, os.getpid())]


def test_the_functions_exception_is_raised_when_its_turn_comes() -> None:
    results = parallel_map(partial(_fail_at, 4), range(20), 2)
    assert [next(results) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(UserError, match="item 4 is bad") as caught:
        next(results)
    assert "in a worker process: Traceback" in caught.value.__notes__[0]


def test_an_exception_that_cannot_be_pickled_keeps_its_words() -> None:
    with pytest.raises(RuntimeError, match="ValueError: odd"):
        list(parallel_map(_unpicklable, range(3), 2))


def test_a_function_that_workers_cannot_import_is_an_error() -> None:
    with pytest.raises(Exception, match="lambda"):
        list(parallel_map(lambda item: item, range(3), 2))


def test_an_item_that_kills_its_worker_is_an_error_with_advice() -> None:
    with pytest.raises(UserError, match=r"a worker process died 2 times, possibly out of memory: use fewer"):
        list(parallel_map(_die, range(6), 2, advice="use fewer"))


def test_large_results_and_output_of_libraries() -> None:
    results = list(parallel_map(_chatter, range(6), 2))
    assert [(len(r), r[-1]) for r in results] == [(3_000_001, i) for i in range(6)]


def test_only_a_few_results_wait(tmp_path: Path) -> None:
    with closing(parallel_map(partial(_touch, str(tmp_path)), range(40), 2)) as results:
        next(results)
        time.sleep(0.5)
        assert len(list(tmp_path.iterdir())) <= 5  # the one taken, and two per worker


@pytest.mark.parametrize("workers", [1, 3])
def test_only_the_items_that_crash_are_lost(workers: int) -> None:
    lost = {3, 4, 6, 8}
    found = list(crash_safe_map(_crash, range(9), workers))
    assert found == [WorkerDied() if i in lost else i * i for i in range(9)]


def test_a_worker_killed_while_it_sends_a_result_costs_its_item_only() -> None:
    results = crash_safe_map(_stuck_answer, range(8), 2)
    assert [r if isinstance(r, WorkerDied) else len(r) for r in results] == [
        *(50_000_000, WorkerDied()),
        *[50_000_000] * 6,
    ]


def test_a_death_from_outside_is_tried_again(tmp_path: Path) -> None:
    assert list(crash_safe_map(_die_once, [tmp_path], 1)) == ["done"]


def test_crash_safe_work_never_runs_in_this_process() -> None:
    assert list(crash_safe_map(_refuse, [], 2)) == []
    (pid,) = crash_safe_map(_refuse, [0], 1)
    assert pid != os.getpid()


def test_the_functions_exception_is_raised_by_crash_safe_work_too() -> None:
    results = crash_safe_map(_refuse, range(5), 2)
    next(results)
    with pytest.raises(LookupError, match="not this one"):
        list(results)


def test_closing_ends_idle_workers() -> None:
    results = crash_safe_map(_refuse, [0] * 50, 2)
    pid = next(results)
    assert isinstance(pid, int)
    results.close()
    assert not _alive(pid)


def test_closing_ends_workers_in_the_middle_of_an_item(tmp_path: Path) -> None:
    results = parallel_map(partial(_sleep_after_first, str(tmp_path)), range(5), 2)
    assert next(results) == 0
    _wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
    pids = [int(path.name.partition("-")[2]) for path in sorted(tmp_path.iterdir())]
    results.close()  # the items take ten minutes, more than a test may
    assert not any(map(_alive, pids))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_of_a_process_that_is_stopped(tmp_path: Path, how: signal.Signals) -> None:
    # A script without a main guard, which would start over in workers that import the main module.
    script = tmp_path / "script.py"
    marks = tmp_path / "marks"
    marks.mkdir()
    script.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from functools import partial\n"
        "from amc.processes import parallel_map\n"
        "from tests.test_processes import _sleep\n"
        "try:\n"
        f"    list(parallel_map(partial(_sleep, {str(marks)!r}), range(4), 2))\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(130)\n"
    )
    # A session of its own, so that the signal can go to all that a terminal would send it to.
    parent = subprocess.Popen([sys.executable, script], stderr=subprocess.PIPE, start_new_session=True)
    try:
        _wait_until(lambda: len(list(marks.iterdir())) == 2)
        pids = [int(path.name.partition("-")[2]) for path in sorted(marks.iterdir())]
        os.killpg(parent.pid, how)
        _, said = parent.communicate(timeout=SOON)
    finally:
        parent.kill()
    assert parent.returncode == (130 if how == signal.SIGINT else -how)
    assert said == b""
    _wait_until(lambda: not any(map(_alive, pids)))


def test_cores() -> None:
    assert cores() >= 1
