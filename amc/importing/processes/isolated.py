"""Work on files that may bring a process down: a library's crash costs the file that caused it, not the import."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from amc.importing.processes.pool import Worker, WorkerDied

A = TypeVar("A")
B = TypeVar("B")

TRIES = 2  # a process may also have been ended from outside, where memory was short
_AHEAD = 8  # items a worker that are under way, or done and not taken yet: results are small


@dataclass(frozen=True)
class Died:
    """In place of a result: as many processes as `TRIES` ended on the item."""


def surviving(function: Callable[[A], B], items: Sequence[A], workers: int) -> Generator[B | Died, None, None]:
    """`function` of each item in worker processes, in the items' order; close the generator to end the workers.

    Args:
        function: of a module's top level, or a `functools.partial` of one; what it takes and gives can be pickled.
        items: what to work on.
        workers: processes, at least 1; also with 1 the work is done beside this process.

    What `function` raises is passed on.
    """
    many = max(1, min(workers, len(items)))
    fleet: list[Worker] = []
    idle: queue.SimpleQueue[int] = queue.SimpleQueue()
    lock, ending = threading.Lock(), False
    threads = ThreadPoolExecutor(many)  # each waits for a process

    def one(item: A) -> B | Died:
        place = idle.get()
        try:
            for _ in range(TRIES):
                try:
                    return fleet[place].call(function, item)
                except WorkerDied:
                    with lock:
                        if ending:
                            raise
                        fleet[place].close()
                        fleet[place] = Worker("")
            return Died()
        finally:
            idle.put(place)

    try:
        for place in range(many if items else 0):
            fleet.append(Worker(""))
            idle.put(place)
        pending: deque[Future[B | Died]] = deque()
        for item in items:
            pending.append(threads.submit(one, item))
            if len(pending) >= _AHEAD * many:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        with lock:
            ending = True
            for worker in fleet:
                worker.kill()
        threads.shutdown(wait=True, cancel_futures=True)
        for worker in fleet:
            worker.close()
