"""Clips made by several processes, in order.

A worker is this module run as a program: it reads the numbers of clips from standard input and writes their bytes to
standard output. It needs nothing of the process that started it (a script without a main guard, Ray, a notebook), and
ends with it however that ends, as its input ends then.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amc.errors import UserError
from amc.standins.made import Made

_BLOCK = 8  # clips asked for at a time


def made_by(workers: int, clips: int, settings: Mapping[str, int], generator: str) -> Generator[Made, None, None]:
    """Clips 0, 1, ... as `make_clip(i, **settings)` makes them; memory holds a few blocks whatever their number.

    One worker is this process itself. Close the generator to end the others.

    Args:
        workers: processes.
        clips: N.
        settings: arguments of `make_clip`, `frames` and `size` among them.
        generator: the module that has `make_clip`.

    Raises:
        UserError: a worker died.
    """
    if workers <= 1:
        make_clip = _maker(generator)
        for index in range(clips):
            yield make_clip(index, **settings)
        return
    blocks = [range(start, min(start + _BLOCK, clips)) for start in range(0, clips, _BLOCK)]
    with ExitStack() as stack:
        processes = [_start(generator, settings, stack) for _ in range(min(workers, len(blocks)))]
        answered = 0
        for number, block in enumerate(blocks):
            _ask(processes[number % len(processes)], block)
            # Two blocks a worker: one in the making while the other waits to be taken.
            if number + 1 - answered == 2 * len(processes):
                yield from _answer(processes[answered % len(processes)], blocks[answered], settings)
                answered += 1
        for number in range(answered, len(blocks)):
            yield from _answer(processes[number % len(processes)], blocks[number], settings)


def _start(generator: str, settings: Mapping[str, int], stack: ExitStack) -> subprocess.Popen[bytes]:
    # The project may be uninstalled, found through the path of the script that runs.
    search = os.pathsep.join(path or os.getcwd() for path in sys.path)
    process = subprocess.Popen(
        [sys.executable, "-m", "amc.standins.workers", generator, json.dumps(dict(settings))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": search},
    )
    stack.callback(_stop, process)
    return process


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def _ask(worker: subprocess.Popen[bytes], block: range) -> None:
    assert worker.stdin is not None
    try:
        worker.stdin.write(f"{block.start} {block.stop}\n".encode())
        worker.stdin.flush()
    except BrokenPipeError as error:
        raise _died(worker) from error


def _answer(worker: subprocess.Popen[bytes], block: range, settings: Mapping[str, int]) -> list[Made]:
    frames, size = settings["frames"], settings["size"]
    made = []
    for _ in block:
        label, subject, source, points = np.frombuffer(_read(worker, 4 * 8), dtype="<i8").tolist()
        video = np.frombuffer(_read(worker, frames * size * size * 3), dtype=np.uint8)
        keypoints = np.frombuffer(_read(worker, frames * points * 2 * 4), dtype="<f4")
        made.append(
            Made(video.reshape(frames, size, size, 3), keypoints.reshape(frames, points, 2), label, subject, source)
        )
    return made


def _read(worker: subprocess.Popen[bytes], count: int) -> bytes:
    assert worker.stdout is not None
    content = worker.stdout.read(count)
    if len(content) < count:
        raise _died(worker)
    return content


def _died(worker: subprocess.Popen[bytes]) -> UserError:
    return UserError(f"a rendering process ended with status {worker.wait()}: try again with one worker")


def _maker(generator: str) -> Callable[..., Made]:
    make_clip: Callable[..., Made] = importlib.import_module(generator).make_clip
    return make_clip


def _sent(clip: Made) -> bytes:
    head: NDArray[Any] = np.array([clip.label, clip.subject, clip.source, clip.keypoints.shape[1]], dtype="<i8")
    return head.tobytes() + clip.frames.tobytes() + clip.keypoints.astype("<f4").tobytes()


def _work() -> None:
    # Ctrl-C is the parent's business.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    make_clip, settings = _maker(sys.argv[1]), json.loads(sys.argv[2])
    for line in sys.stdin.buffer:
        start, stop = map(int, line.split())
        clips = [make_clip(i, **settings) for i in range(start, stop)]
        try:
            sys.stdout.buffer.write(b"".join(map(_sent, clips)))
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            # Nobody waits for this any more.
            os._exit(1)


if __name__ == "__main__":
    _work()
