"""Keypoints of a video from a pose estimator that runs in a process and a Python environment of its own.

The estimator is a worker program; `mediapipe_worker.py` documents the protocol. This module decodes the frames, so that
they have the same numbers everywhere, and enlarges small ones. It sends each video twice, as it is and mirrored, which
shows which points to trust (`amc.importing.pose.mirror_check`). Results are cached as keypoint tables under a hash of
the video's content.
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
from amc.importing.keypoints.csv_file import write_table
from amc.importing.keypoints.reading import read_table
from amc.importing.keypoints.table import FARTHEST, KeypointTable, VideoKeypoints, left_right_pairs
from amc.importing.pose.mirror_check import LEAST_CONFIRMED, LEAST_VISIBILITY, TOLERANCE, confirmed_points, unmirrored
from amc.importing.programs import CANNOT_RUN, running
from amc.importing.video.decoding import DecodeError, VideoFacts, read_frames

PYTHON_VARIABLE = "AMC_POSE_PYTHON"
ENVIRONMENT = ".venv-pose"
WORKER = Path(__file__).with_name("mediapipe_worker.py")
PROTOCOL = 1
PATIENCE = 10.0  # seconds for a worker that closed its output to exit

VERSION = 2  # changes with everything below that changes results
LEAST_SIDE = 256  # pixels; frames with a shorter side are enlarged to it
MARGIN = 4  # adds 1/4 of each side as a border: detectors are weak on bodies that the frame's edge cuts off

_VIDEO = "video"  # name of the only video in a cached table


def find_interpreter() -> Path:
    """The Python that runs the worker: $AMC_POSE_PYTHON, else the environment that `make pose` creates.

    Raises:
        UserError: neither exists.
    """
    named = os.environ.get(PYTHON_VARIABLE)
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise UserError(
                f"{PYTHON_VARIABLE}={named}: no such file; set it to the Python of an environment with mediapipe"
            )
        return path
    for base in (Path(__file__).resolve().parents[3], Path.cwd()):
        for inside in ("bin/python", "Scripts/python.exe"):
            if (base / ENVIRONMENT / inside).is_file():
                return base / ENVIRONMENT / inside
    raise UserError(
        f"no pose estimator: run `make pose`, which creates {ENVIRONMENT}, set {PYTHON_VARIABLE} to the Python of an "
        "environment with mediapipe==0.10.21, or give --keypoints TABLE.csv"
    )


@dataclass(frozen=True)
class InputGeometry:
    """How a frame becomes the estimator's input: it is enlarged, and its edge pixels are repeated as a border."""

    height: int  # of the source frame
    width: int
    enlarged: tuple[int, int]  # height, width
    border: tuple[int, int]  # rows above and below, columns left and right

    @classmethod
    def of(cls, height: int, width: int) -> InputGeometry:
        """The geometry for frames of this size in pixels."""
        factor = max(1.0, LEAST_SIDE / min(height, width))
        enlarged = (round(height * factor), round(width * factor))
        return cls(height, width, enlarged, (enlarged[0] // MARGIN, enlarged[1] // MARGIN))

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the input."""
        return self.enlarged[0] + 2 * self.border[0], self.enlarged[1] + 2 * self.border[1]

    def apply(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Converts a frame uint8 (H, W, 3) to an input uint8 (H', W', 3)."""
        image = Image.fromarray(frame)
        if self.enlarged != (self.height, self.width):
            image = image.resize((self.enlarged[1], self.enlarged[0]), Image.Resampling.BICUBIC)
        rows, columns = self.border
        return np.pad(np.asarray(image), ((rows, rows), (columns, columns), (0, 0)), mode="edge")

    def to_source(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Converts points (..., 2) as (x, y) in pixels of the input to pixels of the frame."""
        border = np.array([self.border[1], self.border[0]])
        factor = np.array([self.width / self.enlarged[1], self.height / self.enlarged[0]])
        source: NDArray[np.float64] = (points - border + 0.5) * factor - 0.5
        return source


class PoseEstimator:
    """A context manager that runs a pose estimation worker.

    Attributes:
        identity: the worker's description of itself; set inside the block.
        names: names of its keypoints; set inside the block.
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
            if not isinstance(hello, dict) or not _is_valid_greeting(hello):
                raise UserError(f"{self.interpreter}: not a pose estimator with protocol {PROTOCOL}")
            self._stack = stack.pop_all()
        self.identity, self.names = hello["estimator"], tuple(hello["keypoints"])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def estimate(self, frames: Iterable[NDArray[np.uint8]], facts: VideoFacts) -> Iterator[NDArray[np.float64] | None]:
        """Yields, for each frame (H, W, 3) of a video, points (k, 3) as x, y, visibility in its pixels, or None.

        None means that nobody was found. The estimator works on a frame while the next one is decoded.

        Raises:
            UserError: the worker exited or gave an invalid answer.
            DecodeError: the frames do not match `facts`; the estimator cannot be used any more.
        """
        geometry = InputGeometry.of(facts.height, facts.width)
        height, width = geometry.shape
        self._send(json.dumps({"height": height, "width": width, "frames": facts.frames}).encode() + b"\n")
        sent = answered = 0
        for frame in frames:
            if sent == facts.frames or frame.shape[:2] != (facts.height, facts.width):
                raise DecodeError(f"frame {sent} is new or has another size")
            self._send(geometry.apply(frame).tobytes())
            sent += 1
            if sent - answered > 1:
                yield self._answer(geometry)
                answered += 1
        while answered < sent:
            yield self._answer(geometry)
            answered += 1
        if sent != facts.frames:
            raise DecodeError(f"it had {facts.frames} frames, now it has {sent}")

    def _answer(self, geometry: InputGeometry) -> NDArray[np.float64] | None:
        answer = self._receive()
        if answer is None:
            return None
        try:
            rows = np.array(answer, dtype=np.float64)
        except (TypeError, ValueError):
            rows = np.empty(0)
        if rows.shape != (len(self.names), 3) or not np.isfinite(rows).all():
            raise UserError(f"the pose estimator {self.interpreter} sent an answer that is not a list of points")
        return np.concatenate([geometry.to_source(rows[:, :2]), rows[:, 2:]], axis=1)

    def _send(self, data: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except OSError as error:
            raise self._exit_error() from error

    def _receive(self) -> object:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._exit_error()
        try:
            answer: object = json.loads(line)
        except ValueError as error:
            raise UserError(f"the pose estimator {self.interpreter} sent {line[:40]!r}, which is not JSON") from error
        return answer

    def _exit_error(self) -> UserError:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=PATIENCE)
        self._messages.seek(0)
        lines = self._messages.read().decode(errors="replace").strip().splitlines()
        last = lines[-1].strip() if lines else f"exit code {self._process.returncode}"
        if self._process.returncode == CANNOT_RUN:
            return UserError(f"cannot start the pose estimator {self.interpreter}: {last}")
        return UserError(f"the pose estimator {self.interpreter} exited: {last}")


def estimate_video(
    estimator: PoseEstimator, path: Path, facts: VideoFacts, progress: Callable[[int], None] | None = None
) -> VideoKeypoints:
    """Estimates the keypoints of a whole video, or reads them from the cache.

    `amc.importing.pose.mirror_check.confirmed_points` decides which points are valid. A frame in which nobody was found
    has no row. The confidence of a row is the mean visibility of its points.

    Args:
        estimator: a running estimator.
        path: a readable video.
        facts: result of `amc.importing.video.decoding.examine` for it.
        progress: called with the number of frames done.

    Raises:
        UserError: the estimator failed, the video changed since it was examined, or the cache cannot be written.
    """
    table = make_once(
        cache_dir() / "pose" / f"{_key(estimator, path)}.csv",
        lambda partial: write_table(partial, _estimate(estimator, path, facts, progress)),
        usable=lambda made: _cached(made, estimator) is not None,
    )
    rows = _cached(table, estimator)
    assert rows is not None  # `make_once` has checked or written it
    return rows


def _estimate(
    estimator: PoseEstimator, path: Path, facts: VideoFacts, progress: Callable[[int], None] | None
) -> KeypointTable:
    seen = np.full((2, facts.frames, len(estimator.names), 3), math.nan)  # as it is and mirrored
    done = 0
    try:
        for mirrored, rows in enumerate(seen):
            frames = (frame[:, ::-1] for frame in read_frames(path)) if mirrored else read_frames(path)
            for i, points in enumerate(estimator.estimate(frames, facts)):
                rows[i] = math.nan if points is None else points
                done += 1
                if progress is not None and done % 2 == 0:
                    progress(done // 2)
    except DecodeError as error:
        raise UserError(f"{path}: changed while it was read ({error}); rerun the command") from error
    # A coordinate far outside the frame is an error of the estimator.
    seen[~(np.abs(seen[..., :2]) <= FARTHEST).all(axis=(2, 3))] = math.nan
    seen[1] = unmirrored(seen[1], facts.width, left_right_pairs(estimator.names))
    valid = confirmed_points(seen[0], seen[1])
    visibility = np.stack([seen[0, ..., 2].mean(axis=1), seen[1, ..., 2].mean(axis=1)])
    frame = np.flatnonzero(np.isfinite(visibility).any(axis=0))
    keypoints = VideoKeypoints(
        frame=frame.astype(np.int64), points=valid[frame], confidence=np.nanmean(visibility[:, frame], axis=0)
    )
    return KeypointTable(estimator.names, {_VIDEO: keypoints})


def _cached(table: Path, estimator: PoseEstimator) -> VideoKeypoints | None:
    try:
        read = read_table(table)
    except UserError:
        return None  # truncated, for example; it is estimated again
    if read.names != estimator.names:
        return None
    nobody = VideoKeypoints(np.empty(0, np.int64), np.empty((0, len(read.names), 2)), np.empty(0))
    return read.videos.get(_VIDEO, nobody)


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


def _is_valid_greeting(hello: dict[str, object]) -> bool:
    known = hello.get("protocol") == PROTOCOL and isinstance(hello.get("estimator"), str)
    return known and _are_valid_names(hello.get("keypoints"))


def _are_valid_names(value: object) -> bool:
    if not isinstance(value, list) or not all(isinstance(name, str) and "," not in name for name in value):
        return False
    return len(value) > 0 and all(value) and len(set(value)) == len(value)
