"""Reading a video frame by frame with PyAV, and the square in its middle.

Frames come as they are shown (a rotation flag is applied), in the order in which they are shown, every frame of the
file counted from 0 whatever its time stamp. Colours are converted without machine-dependent shortcuts, so a video has
the same bytes everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

# Below this part of the frames or of the time that the file announces, it counts as cut short. Not 1: announced
# numbers are estimates in many files, and edit lists hide frames.
LEAST_SHARE = 0.9

_CONVERSION = (
    Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.BITEXACT
)

# What PyAV is known to raise on damaged, foreign or oddly named files.
_PROBLEMS = (av.error.FFmpegError, OSError, ValueError, MemoryError, OverflowError)


class DecodeError(Exception):
    """A video that cannot be read to its end; the message is the reason, without the file's name."""


@dataclass(frozen=True)
class VideoFacts:
    """A video that was decoded to its end."""

    frames: int  # at least 1
    height: int  # pixels, as shown
    width: int


@dataclass(frozen=True)
class Unreadable:
    """A video that was not, and why."""

    reason: str


@dataclass(frozen=True)
class Square:
    """A square part of a frame: rows top .. top + side - 1, columns left .. left + side - 1."""

    left: int
    top: int
    side: int

    def cut(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The part of a frame (H, W, 3) as a view (side, side, 3)."""
        return frame[self.top : self.top + self.side, self.left : self.left + self.side]


def centre_square(height: int, width: int) -> Square:
    """The largest square in the middle of a frame; where it cannot be exactly there, half a pixel up and left."""
    side = min(height, width)
    return Square(left=(width - side) // 2, top=(height - side) // 2, side=side)


def examine(path: Path) -> VideoFacts | Unreadable:
    """Decodes a whole video, in the memory of a few frames, and says what it is or why it cannot be used."""
    count, shape = 0, (0, 0)
    try:
        for frame in read_frames(path):
            count, shape = count + 1, (frame.shape[0], frame.shape[1])
    except DecodeError as error:
        return Unreadable(str(error))
    return VideoFacts(count, *shape)


def read_frames(path: Path) -> Iterator[NDArray[np.uint8]]:
    """The frames of a video, uint8 (H, W, 3) RGB, one at a time.

    Raises:
        DecodeError: after the last good frame, where the file is no video, is damaged, is cut short (fewer than
            `LEAST_SHARE` of the announced frames or time) or changes its size on the way.
    """
    container: InputContainer | None = None
    try:
        # Only local files: some formats name others, also on the network.
        container = av.open(str(path.absolute()), metadata_errors="replace", options={"protocol_whitelist": "file"})
        yield from _decode(container)
    except _PROBLEMS as error:
        raise DecodeError(_reason(error)) from error
    finally:
        if container is not None:
            container.close()


def _decode(container: InputContainer) -> Iterator[NDArray[np.uint8]]:
    if not container.streams.video:
        raise DecodeError("no video in it")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise DecodeError("its codec is unknown")
    reformatter = VideoReformatter()
    extent = _Extent()
    shape: tuple[int, ...] | None = None
    for frame in container.decode(stream):
        if frame.is_corrupt:
            raise DecodeError(f"damaged at frame {extent.count}")
        converted = reformatter.reformat(frame, format="rgb24", interpolation=_CONVERSION)
        picture = _upright(converted.to_ndarray().astype(np.uint8, copy=False), frame.rotation)
        if shape not in (None, picture.shape):
            raise DecodeError(f"its size changes at frame {extent.count}")
        shape = picture.shape
        extent.add(frame)
        yield picture
    problem = extent.problem(container, stream)
    if problem:
        raise DecodeError(problem)


def _upright(picture: NDArray[np.uint8], rotation: int) -> NDArray[np.uint8]:
    # The flag says by how many degrees the stored picture is turned counter-clockwise to be shown.
    turns = round(rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture


class _Extent:
    """How many frames a video had and how long they lasted, against what the file announces."""

    def __init__(self) -> None:
        self.count = 0
        self._first: float | None = None
        self._last: float | None = None

    def add(self, frame: VideoFrame) -> None:
        self.count += 1
        if frame.time is not None:
            self._last = float(frame.time)
            self._first = self._last if self._first is None else self._first

    def problem(self, container: InputContainer, stream: VideoStream) -> str | None:
        if self.count == 0:
            return "no frame in it"
        # In MP4 and its relatives an edit list may hide frames that the count includes.
        counted = "mp4" not in container.format.name.split(",")
        if counted and self.count < LEAST_SHARE * stream.frames:
            return f"cut short: {self.count} of {stream.frames} frames"
        announced = self._announced_seconds(container, stream)
        if announced is None or self._first is None or self._last is None:
            return None
        # The last frame lasts as long as the others do on average.
        if self.count > 1:
            seconds = (self._last - self._first) * self.count / (self.count - 1)
        elif stream.average_rate:
            seconds = float(1 / stream.average_rate)
        else:
            return None
        if seconds < LEAST_SHARE * announced:
            return f"cut short: {seconds:.1f} of {announced:.1f} seconds"
        return None

    @staticmethod
    def _announced_seconds(container: InputContainer, stream: VideoStream) -> float | None:
        if stream.duration is not None and stream.time_base is not None:
            return float(stream.duration * stream.time_base)
        # The whole file's length is this stream's only where there is no other, such as sound that goes on.
        if container.duration is not None and len(container.streams) == 1:
            return container.duration / 1e6
        return None


def _reason(error: Exception) -> str:
    # Not FFmpeg's log, of which the last line may be about an earlier file.
    said = error.strerror if isinstance(error, OSError | av.error.FFmpegError) else str(error)
    return f"cannot be decoded ({said or type(error).__name__})"
