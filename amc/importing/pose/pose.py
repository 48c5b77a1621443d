"""Keypoints of a video from a pose estimator that runs in an environment and a process of its own.

The estimator is a worker program (`pose_worker.py` documents what is said between the two). This side decodes, so
that frames have the same numbers everywhere, enlarges small frames, shows each video twice, as it is and mirrored, to
tell points that are seen from points that are guessed (`amc.importing.pose.pose_check`), and keeps each video's
result in the
cache under the content of the video, as a keypoint table.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amc.cache import cache_dir, make_once
from amc.errors import UserError
from amc.importing.keypoint_table import (
    FARTHEST,
    KeypointTable,
    VideoKeypoints,
    left_right_pairs,
    read_table,
    write_table,
)
from amc.importing.pose.pose_check import LEAST_CONFIRMED, LEAST_VISIBILITY, TOLERANCE, agreed, unmirrored
from amc.importing.programs import CANNOT_RUN, running
from amc.importing.video.video import DecodeError, VideoFacts, read_frames

PYTHON_VARIABLE = "AMC_POSE_PYTHON"
ENVIRONMENT = ".venv-pose"
WORKER = Path(__file__).with_name("pose_worker.py")
PROTOCOL = 1
PATIENCE = 10.0  # seconds for a worker that closed its output to exit

VERSION = 2  # of everything below that changes a result
LEAST_SIDE = 256  # pixels: smaller frames are enlarged to it
MARGIN = 4  # a border of a quarter of each side: detectors are weak on bodies that the frame cuts

_ROW = "video"  # what a cached table, which has one video, calls it


def find_interpreter() -> Path:
    """The Python that runs the worker: $AMC_POSE_PYTHON, else the environment that `make pose` makes.

    Raises:
        UserError: there is none.
    """
    named = os.environ.get(PYTHON_VARIABLE)
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise UserError(
                f"{PYTHON_VARIABLE}={named}: no such file; name the Python of an environment with mediapipe"
            )
        return path
    for base in (Path(__file__).resolve().parents[3], Path.cwd()):
        for inside in ("bin/python", "Scripts/python.exe"):
            if (base / ENVIRONMENT / inside).is_file():
                return base / ENVIRONMENT / inside
    raise UserError(
        f"no pose estimator: run `make pose` (makes {ENVIRONMENT}), or set {PYTHON_VARIABLE} to the Python of an "
        "environment with mediapipe==0.10.21, or give --keypoints TABLE.csv"
    )


@dataclass(frozen=True)
class View:
    """How a source frame becomes the picture that the estimator sees: enlarged, with a border of its edge pixels."""

    height: int  # of the source frame
    width: int
    enlarged: tuple[int, int]  # height, width
    border: tuple[int, int]  # rows above and below, columns left and right

    @classmethod
    def of(cls, height: int, width: int) -> View:
        """The view of frames (height, width)."""
        factor = max(1.0, LEAST_SIDE / min(height, width))
        enlarged = (round(height * factor), round(width * factor))
        return cls(height, width, enlarged, (enlarged[0] // MARGIN, enlarged[1] // MARGIN))

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the picture."""
        return self.enlarged[0] + 2 * self.border[0], self.enlarged[1] + 2 * self.border[1]

    def picture(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """uint8 (H', W', 3) from uint8 (H, W, 3)."""
        image = Image.fromarray(frame)
        if self.enlarged != (self.height, self.width):
            image = image.resize((self.enlarged[1], self.enlarged[0]), Image.Resampling.BICUBIC)
        rows, columns = self.border
        return np.pad(np.asarray(image), ((rows, rows), (columns, columns), (0, 0)), mode="edge")

    def to_source(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (..., 2) as (x, y) in the picture, in pixels of the source frame."""
        border = np.array([self.border[1], self.border[0]])
        factor = np.array([self.width / self.enlarged[1], self.height / self.enlarged[0]])
        source: NDArray[np.float64] = (points - border + 0.5) * factor - 0.5
        return source


class PoseEstimator:
    """A running worker; a context manager.

    Attributes (inside the block):
        identity: the worker's text about itself.
        names: of its keypoints.
    """

    identity: str
    names: tuple[str, ...]

    def __init__(self, interpreter: Path) -> None:
        self.interpreter = interpreter

    def __enter__(self) -> PoseEstimator:
        with ExitStack() as stack:
            # A file instead of a pipe: nobody reads it while the worker runs, and a full pipe would block the worker.
            self._messages = stack.enter_context(tempfile.TemporaryFile())
            # Isolated (-I), so that modules beside the worker or on PYTHONPATH do not shadow the environment's own.
            command = [str(self.interpreter), "-I", str(WORKER)]
            self._process = stack.enter_context(running(command, stderr=self._messages))
            hello = self._receive()
            if not isinstance(hello, dict) or not _is_greeting(hello):
                raise UserError(f"{self.interpreter}: not a pose estimator of protocol {PROTOCOL}")
            self._stack = stack.pop_all()
        self.identity, self.names = hello["estimator"], tuple(hello["keypoints"])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def estimate(self, frames: Iterable[NDArray[np.uint8]], facts: VideoFacts) -> Iterator[NDArray[np.float64] | None]:
        """For each frame (H, W, 3) of one video the points (k, 3) as x, y, visibility in its pixels; None: nobody.

        The estimator works on a frame while the next one is decoded.

        Raises:
            UserError: the worker ended or answered something else.
            DecodeError: the frames are not those of `facts`; the estimator cannot be used any more.
        """
        view = View.of(facts.height, facts.width)
        height, width = view.shape
        self._send(json.dumps({"height": height, "width": width, "frames": facts.frames}).encode() + b"\n")
        sent = answered = 0
        for frame in frames:
            if sent == facts.frames or frame.shape[:2] != (facts.height, facts.width):
                raise DecodeError(f"frame {sent} was not there before")
            self._send(view.picture(frame).tobytes())
            sent += 1
            if sent - answered > 1:
                yield self._answer(view)
                answered += 1
        while answered < sent:
            yield self._answer(view)
            answered += 1
        if sent != facts.frames:
            raise DecodeError(f"it had {facts.frames} frames and now has {sent}")

    def _answer(self, view: View) -> NDArray[np.float64] | None:
        answer = self._receive()
        if answer is None:
            return None
        try:
            rows = np.array(answer, dtype=np.float64)
        except (TypeError, ValueError):
            rows = np.empty(0)
        if rows.shape != (len(self.names), 3) or not np.isfinite(rows).all():
            raise UserError(f"the pose estimator {self.interpreter} answered what is no list of points")
        return np.concatenate([view.to_source(rows[:, :2]), rows[:, 2:]], axis=1)

    def _send(self, data: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except OSError as error:
            raise self._ended() from error

    def _receive(self) -> object:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._ended()
        try:
            answer: object = json.loads(line)
        except ValueError as error:
            raise UserError(
                f"the pose estimator {self.interpreter} answered {line[:40]!r}, which is no JSON"
            ) from error
        return answer

    def _ended(self) -> UserError:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=PATIENCE)
        self._messages.seek(0)
        lines = self._messages.read().decode(errors="replace").strip().splitlines()
        last = lines[-1].strip() if lines else f"exit code {self._process.returncode}"
        if self._process.returncode == CANNOT_RUN:
            return UserError(f"cannot start the pose estimator {self.interpreter}: {last}")
        return UserError(f"the pose estimator {self.interpreter} ended: {last}")


def estimate_video(
    estimator: PoseEstimator, path: Path, facts: VideoFacts, progress: Callable[[int], None] | None = None
) -> VideoKeypoints:
    """Keypoints of a whole video, from the cache where it was done before.

    Which points are valid, `amc.importing.pose.pose_check.agreed` says; frames with nobody in them have no row. The
    row's
    confidence is the mean visibility of its points.

    Args:
        estimator: a running one.
        path: a readable video.
        facts: what `amc.importing.video.video.examine` said about it.
        progress: called with the number of frames done.

    Raises:
        UserError: the estimator ended, the video changed since it was examined, or the cache cannot be written.
    """
    table = make_once(
        cache_dir() / "pose" / f"{_key(estimator, path)}.csv",
        lambda partial: write_table(partial, _estimate(estimator, path, facts, progress)),
        usable=lambda made: _cached(made, estimator) is not None,
    )
    rows = _cached(table, estimator)
    assert rows is not None  # it was just found usable or just written
    return rows


def _estimate(
    estimator: PoseEstimator, path: Path, facts: VideoFacts, progress: Callable[[int], None] | None
) -> KeypointTable:
    seen = np.full((2, facts.frames, len(estimator.names), 3), math.nan)  # as it is, mirrored
    done = 0
    try:
        for look, rows in enumerate(seen):
            frames = read_frames(path) if look == 0 else (frame[:, ::-1] for frame in read_frames(path))
            for i, points in enumerate(estimator.estimate(frames, facts)):
                rows[i] = math.nan if points is None else points
                done += 1
                if progress is not None and done % 2 == 0:
                    progress(done // 2)
    except DecodeError as error:
        raise UserError(f"{path}: changed while it was read ({error}); run this again") from error
    # A coordinate far outside every frame is a slip of the estimator's.
    seen[~(np.abs(seen[..., :2]) <= FARTHEST).all(axis=(2, 3))] = math.nan
    seen[1] = unmirrored(seen[1], facts.width, left_right_pairs(estimator.names))
    valid = agreed(seen[0], seen[1])
    visibility = np.stack([seen[0, ..., 2].mean(axis=1), seen[1, ..., 2].mean(axis=1)])
    frame = np.flatnonzero(np.isfinite(visibility).any(axis=0))
    keypoints = VideoKeypoints(
        frame=frame.astype(np.int64), points=valid[frame], confidence=np.nanmean(visibility[:, frame], axis=0)
    )
    return KeypointTable(estimator.names, {_ROW: keypoints})


def _cached(table: Path, estimator: PoseEstimator) -> VideoKeypoints | None:
    try:
        read = read_table(table)
    except UserError:
        return None  # cut short, say; it can be made again
    if read.names != estimator.names:
        return None
    nobody = VideoKeypoints(np.empty(0, np.int64), np.empty((0, len(read.names), 2)), np.empty(0))
    return read.videos.get(_ROW, nobody)


def _key(estimator: PoseEstimator, path: Path) -> str:
    with path.open("rb") as stream:
        content = hashlib.file_digest(stream, "sha256").hexdigest()
    settings = [
        VERSION,
        LEAST_SIDE,
        MARGIN,
        LEAST_CONFIRMED,
        LEAST_VISIBILITY,
        TOLERANCE,
        estimator.identity,
        list(estimator.names),
    ]
    return hashlib.sha256(json.dumps([content, settings]).encode()).hexdigest()


def _is_greeting(hello: dict[str, object]) -> bool:
    known = hello.get("protocol") == PROTOCOL and isinstance(hello.get("estimator"), str)
    return known and _are_names(hello.get("keypoints"))


def _are_names(value: object) -> bool:
    if not isinstance(value, list) or not all(isinstance(name, str) and "," not in name for name in value):
        return False
    return len(value) > 0 and all(value) and len(set(value)) == len(value)
