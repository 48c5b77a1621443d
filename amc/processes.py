"""Worker processes: maps a function over many items in parallel, in order and in bounded memory.

A worker is this module run as a program. It reads pickled (function, item) pairs from standard input and writes
pickled answers to standard output. It does not import the main module of the process that started it, so it works
from scripts without a main guard, notebooks and Ray, and it exits when that process ends, however that happens.

Each worker has its own pipes, so a worker that dies costs only its current item. Pools whose workers share a queue do
not guarantee that: `concurrent.futures` fails all items, and `pebble` stalls if a worker dies while it sends a result.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

from amc.cgroups import cpu_quota, whole_cores
from amc.errors import UserError

A = TypeVar("A")
B = TypeVar("B")

ATTEMPTS = 2  # the first death may have come from outside, such as the kernel's out-of-memory killer


@dataclass(frozen=True)
class WorkerDied:
    """Takes the place of a result when `ATTEMPTS` worker processes died on the item."""


def cores() -> int:
    """Number of CPU cores that this process may use, within the quota of its container."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return whole_cores(cores, cpu_quota())


def parallel_map(
    function: Callable[[A], B], items: Sequence[A], workers: int, *, advice: str = "rerun with --workers 1"
) -> Generator[B, None, None]:
    """Yields `function(item)` for each item, in order. Closing the generator stops the workers at once.

    Args:
        function: defined at module level, or a `functools.partial` of such a function. Arguments and results must be
            picklable.
        items: inputs.
        workers: number of processes; with 1, everything runs in the calling process.
        advice: what the error message suggests if a worker dies.

    Raises:
        UserError: an item killed its worker `ATTEMPTS` times.
        Exception: whatever `function` raises, when its item's turn comes.
    """
    if workers <= 1 or len(items) <= 1:
        yield from map(function, items)
        return
    with closing(crash_safe_map(function, items, workers, ahead=2)) as results:
        for result in results:
            if isinstance(result, WorkerDied):
                raise UserError(f"a worker process died {ATTEMPTS} times, possibly out of memory: {advice}")
            yield result


def crash_safe_map(
    function: Callable[[A], B], items: Sequence[A], workers: int, *, ahead: int = 8
) -> Generator[B | WorkerDied, None, None]:
    """Like `parallel_map`, but an item that kills its worker yields `WorkerDied` and never runs in this process.

    Args:
        function: as in `parallel_map`.
        items: inputs.
        workers: number of processes, at least 1.
        ahead: number of items per worker that may be running or waiting to be yielded.
    """
    count = max(1, min(workers, len(items)))
    threads = ThreadPoolExecutor(count)  # each thread waits for one worker
    started: list[_WorkerProcess] = []
    idle: queue.SimpleQueue[_WorkerProcess] = queue.SimpleQueue()

    def call(item: A) -> B | WorkerDied:
        worker = idle.get()
        try:
            return worker.call(function, item)
        finally:
            idle.put(worker)

    try:
        for _ in range(count if items else 0):
            started.append(_WorkerProcess())
            idle.put(started[-1])
        pending: deque[Future[B | WorkerDied]] = deque()
        for item in items:
            pending.append(threads.submit(call, item))
            if len(pending) >= ahead * count:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        # Kill instead of ask, since an item may take minutes. The waiting threads then see the end of the pipes.
        for worker in started:
            worker.kill()
        threads.shutdown(wait=True, cancel_futures=True)
        for worker in started:
            worker.release()


class _WorkerProcess:
    """One worker process, restarted when it dies."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._killed = False
        self._process = self._start()

    def call(self, function: Callable[[A], B], item: A) -> B | WorkerDied:
        """Returns or raises what `function` does."""
        # Wrapped once more, so that the worker's reading thread need not import anything.
        job = pickle.dumps(pickle.dumps((function, item)))
        for _ in range(ATTEMPTS):
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            try:
                self._process.stdin.write(job)
                self._process.stdin.flush()
                succeeded, value = pickle.load(self._process.stdout)
            except (OSError, EOFError, pickle.UnpicklingError):
                self._restart()
                continue
            if succeeded:
                result: B = value
                return result
            raise value
        return WorkerDied()

    def kill(self) -> None:
        """Kills the process for good; a running `call` returns `WorkerDied`."""
        with self._lock:
            self._killed = True
            self._process.kill()

    def release(self) -> None:
        """Closes the pipes and reaps the killed process."""
        self._process.communicate()

    def _start(self) -> subprocess.Popen[bytes]:
        # The package may be found only through the path of the running script.
        search = os.pathsep.join(path or os.getcwd() for path in sys.path)
        try:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "amc.processes"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": search},
                start_new_session=True,  # so that Ctrl-C interrupts only the parent, which kills its workers
            )
        except OSError as error:
            raise UserError(f"cannot start a worker process: {error.strerror or error}") from error

    def _restart(self) -> None:
        with self._lock:
            if not self._killed:
                self._process.kill()
                self.release()
                self._process = self._start()


def main() -> None:
    """Serves as a worker: answers each pickled (function, item) with a pickled (succeeded, result or exception)."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # output of libraries must not mix with the answers
    jobs: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def listen() -> None:
        try:
            while True:
                jobs.put(pickle.load(sys.stdin.buffer))
        except (EOFError, pickle.UnpicklingError):
            os._exit(0)  # also in the middle of an item: nobody waits for its result

    threading.Thread(target=listen, daemon=True).start()
    while True:
        answer = _answer(jobs.get())
        try:
            answers.write(answer)
            answers.flush()
        except BrokenPipeError:
            os._exit(0)


def _answer(job: bytes) -> bytes:
    try:
        function, item = pickle.loads(job)
        return pickle.dumps((True, function(item)))
    except Exception as error:
        error.add_note("in a worker process: " + traceback.format_exc())
        try:
            answer = pickle.dumps((False, error))
            pickle.loads(answer)  # some exceptions can be pickled but not unpickled
            return answer
        except Exception:
            return pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}")))


if __name__ == "__main__":
    main()
