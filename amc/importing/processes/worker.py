"""A worker process of `amc.importing.processes.pool`: works on what it is sent until whoever sends it is gone."""

from __future__ import annotations

import os
import pickle
import queue
import sys
import threading
import traceback
from typing import IO

_LENGTH = 8  # bytes before a message that say how long it is


def send(stream: IO[bytes], message: bytes) -> None:
    """Writes one message.

    Raises:
        OSError: nobody reads any more.
    """
    stream.write(len(message).to_bytes(_LENGTH, "little"))
    stream.write(message)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes | None:
    """The next message; None at the end of the stream, and where it ends within a message."""
    header = stream.read(_LENGTH)
    if len(header) < _LENGTH:
        return None
    size = int.from_bytes(header, "little")
    message = stream.read(size)
    return message if len(message) == size else None


def main() -> None:
    """Answers each pickled (function, item) with a pickled (True, result) or (False, exception)."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not get between the answers
    jobs: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def listen() -> None:
        while (job := receive(sys.stdin.buffer)) is not None:
            jobs.put(job)
        # At once, in the middle of an item: nobody waits for it any more.
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        answer = _answer(jobs.get())
        try:
            send(answers, answer)
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
            pickle.loads(answer)  # some exceptions can be written and not read
            return answer
        except Exception:
            return pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}")))


if __name__ == "__main__":
    main()
