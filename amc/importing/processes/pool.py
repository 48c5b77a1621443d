"""Work on many files by several processes, its results in order and in bounded memory.

A process is `amc.importing.processes.worker` run as a program, so it needs nothing of the one that started it (its main
module, Ray, a notebook) and ends with it however that ends.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from amc.errors import UserError
from amc.importing.processes.worker import receive, send

A = TypeVar("A")
B = TypeVar("B")

_AHEAD = 2  # results a worker that may wait to be taken


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(
    function: Callable[[A], B], items: Sequence[A], workers: int, *, advice: str = "try again with --workers 1"
) -> Generator[B, None, None]:
    """`function` of each item, in the items' order, as `map` gives them; close the generator to end the workers.

    Workers end at once when the generator does, also in the middle of an item.

    Args:
        function: of a module's top level, or a `functools.partial` of one; what it takes and gives can be pickled.
        items: what to work on.
        workers: processes; with 1 all is done in this one.
        advice: what to do where a worker died.

    Raises:
        UserError: a worker process died. What `function` raises is passed on.
    """
    if workers <= 1 or len(items) <= 1:
        yield from map(function, items)
        return
    processes: list[Worker] = []
    threads = ThreadPoolExecutor(min(workers, len(items)))  # each waits for a process
    try:
        idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for _ in range(min(workers, len(items))):
            processes.append(Worker(advice))
            idle.put(processes[-1])

        def one(item: A) -> B:
            worker = idle.get()
            try:
                return worker.call(function, item)
            finally:
                idle.put(worker)

        pending: deque[Future[B]] = deque()
        for item in items:
            pending.append(threads.submit(one, item))
            if len(pending) >= _AHEAD * len(processes):
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        # Killed, not asked: an item may take minutes. The threads that wait for them wake up with an error.
        for process in processes:
            process.kill()
        threads.shutdown(wait=True, cancel_futures=True)
        for process in processes:
            process.close()


class WorkerDied(UserError):
    """A worker process ended in the middle of an item."""


class Worker:
    """One process, which works on one item at a time."""

    def __init__(self, advice: str) -> None:
        self._advice = advice
        # The project may be uninstalled, found through the path of the script that runs.
        search = os.pathsep.join(path or os.getcwd() for path in sys.path)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "amc.importing.processes.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": search},
                start_new_session=True,  # Ctrl-C is this process's business
            )
        except OSError as error:
            raise UserError(f"cannot start a worker process ({error.strerror or error}): {advice}") from error

    def call(self, function: Callable[[A], B], item: A) -> B:
        """`function` of the item; raises `WorkerDied`, or what `function` raises."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        job = pickle.dumps((function, item))
        try:
            send(self._process.stdin, job)
            answer = receive(self._process.stdout)
        except OSError:
            answer = None
        if answer is None:
            raise WorkerDied(f"a worker process died (was memory short?): {self._advice}")
        done, value = pickle.loads(answer)
        if not done:
            raise value
        result: Any = value
        return result  # type: ignore[no-any-return]  # what the worker's `function` returned

    def kill(self) -> None:
        """Ends the process, whatever it does; `call` raises `WorkerDied` then."""
        self._process.kill()

    def close(self) -> None:
        """Waits for the end of a killed process and gives back what it used."""
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            try:
                stream.close()
            except BrokenPipeError:
                continue  # what was still to be sent has no reader any more
        self._process.wait()
