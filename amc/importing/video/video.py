"""Reading a video frame by frame with PyAV, and the square in its middle.

Frames come as they are shown, in the order in which they are shown, every frame of the file counted from 0 whatever
its time stamp (`amc.importing.video.timing` is about those). As shown means: where pixels are not square, the width
is scaled by
their aspect ratio (`round(width * ratio)`, by area) and the height stays; then a rotation flag is applied. Depths
above 8 bits are reduced to 8, transparency is dropped, and interlaced frames stay woven. Colours are converted without
machine-dependent shortcuts, so a video has the same bytes everywhere.

What damage is found: whatever stops the demuxer or the decoder (PNG frames have checksums), frames that the decoder
marks as corrupt, and files that end early. What is not: most codecs keep no checksums, so a flipped bit inside the
compressed picture can decode to another picture without a word; and a transport stream that ends early, as nothing in
it announces how long it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from amc.data.resize import area_resize
from amc.importing.video.gif import gif_problem
from amc.importing.video.timing import Timing

# A larger frame is a slip of the file's, or nothing to make small clips of: 8192 x 8192.
MOST_PIXELS = 2**26

# Pixels wider or higher than this are a slip of the file's; television's go up to 2.2.
MOST_ASPECT = 4

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
    timing: Timing = field(default_factory=lambda: Timing(1), compare=False, repr=False)
    oddities: tuple[str, ...] = field(default=(), compare=False)  # what is ignored or unusual, each a phrase


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
    look = _Look()
    shape = (0, 0)
    try:
        for frame in _read(path, look):
            shape = (frame.shape[0], frame.shape[1])
    except DecodeError as error:
        return Unreadable(str(error))
    timing = Timing.of(look.stamps, look.tick, look.rate)
    oddities = [*look.oddities, *([timing.remark] if timing.remark else [])]
    return VideoFacts(look.count, *shape, timing=timing, oddities=tuple(oddities))


def read_frames(path: Path) -> Iterator[NDArray[np.uint8]]:
    """The frames of a video, uint8 (H, W, 3) RGB, one at a time.

    Raises:
        DecodeError: after the last good frame, where the file is no video, is damaged, is cut short (fewer than
            `LEAST_SHARE` of the announced frames or time), is larger than `MOST_PIXELS` or changes its size on the way.
    """
    return _read(path, _Look())


def _read(path: Path, look: _Look) -> Iterator[NDArray[np.uint8]]:
    container: InputContainer | None = None
    if path.exists() and not path.is_file():
        raise DecodeError("not a regular file")  # opening a pipe would wait for ever
    try:
        # Only local files: some formats name others, also on the network.
        container = av.open(str(path.absolute()), metadata_errors="replace", options={"protocol_whitelist": "file"})
        yield from _decode(container, look)
    except _PROBLEMS as error:
        raise DecodeError(_reason(error)) from error
    finally:
        if container is not None:
            container.close()


def _decode(container: InputContainer, look: _Look) -> Iterator[NDArray[np.uint8]]:
    if not container.streams.video:
        raise DecodeError("no video in it")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise DecodeError("its codec is unknown")
    _bounded(stream.codec_context.width, stream.codec_context.height)
    # Keeps a decoder from making room for a frame of any size.
    stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
    reformatter = VideoReformatter()
    shape: tuple[int, ...] | None = None
    for frame in container.decode(stream):
        if frame.is_corrupt:
            raise DecodeError(f"damaged at frame {look.count}")
        _bounded(frame.width, frame.height)
        converted = reformatter.reformat(frame, format="rgb24", interpolation=_CONVERSION)
        picture = converted.to_ndarray().astype(np.uint8, copy=False)
        if look.count == 0:
            look.begin(stream, frame)
        picture = _upright(_square_pixels(picture, look.aspect), frame.rotation)
        if shape not in (None, picture.shape):
            raise DecodeError(f"its size changes at frame {look.count}")
        shape = picture.shape
        look.add(frame)
        yield picture
    problem = look.problem(container, stream)
    if problem is None and container.format.name == "gif":
        problem = gif_problem(Path(container.name), look.count)
    if problem:
        raise DecodeError(problem)


def _bounded(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise DecodeError(f"its frames are too large: {width}x{height}")


def _square_pixels(picture: NDArray[np.uint8], aspect: Fraction) -> NDArray[np.uint8]:
    """(H, W, 3) of pixels `aspect` times as wide as high, as it is shown on square ones."""
    height, width = picture.shape[:2]
    return area_resize(picture, (height, max(1, int(width * aspect + Fraction(1, 2)))))


def _upright(picture: NDArray[np.uint8], rotation: int) -> NDArray[np.uint8]:
    # The flag says by how many degrees the stored picture is turned counter-clockwise to be shown.
    turns = round(rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture


class _Look:
    """What is learnt of a video on the way: how many frames, when they are shown, and what the file announces."""

    def __init__(self) -> None:
        self.count = 0
        self.stamps: list[int | None] = []
        self.tick: Fraction | None = None
        self.rate: Fraction | None = None
        self.aspect = Fraction(1)
        self.oddities: list[str] = []
        self._first: float | None = None
        self._last: float | None = None
        self._held = 0.0  # seconds that the last frame is announced to last

    def begin(self, stream: VideoStream, frame: VideoFrame) -> None:
        """The first frame is there, and with it what only decoding tells."""
        self.tick = frame.time_base or stream.time_base
        self.rate = stream.average_rate or stream.guessed_rate
        aspect = stream.sample_aspect_ratio or Fraction(1)
        if 1 / Fraction(MOST_ASPECT) <= aspect <= MOST_ASPECT:
            self.aspect = aspect
        else:
            self.oddities.append(f"its pixels claim to be {aspect} times as wide as high: taken as square")
        if frame.rotation % 90:
            self.oddities.append(
                f"its flag turns it by {frame.rotation} degrees: taken as {round(frame.rotation / 90) * 90}"
            )
        if frame.interlaced_frame:
            self.oddities.append("interlaced: its frames weave two moments")

    def add(self, frame: VideoFrame) -> None:
        """One more frame, after `begin`."""
        self.count += 1
        self.stamps.append(frame.pts)
        if frame.time is not None:
            self._last = float(frame.time)
            self._first = self._last if self._first is None else self._first
            self._held = float(frame.duration * self.tick) if frame.duration and self.tick else 0.0

    def problem(self, container: InputContainer, stream: VideoStream) -> str | None:
        """Why a video that was decoded to its end is not all there; None where it is."""
        if self.count == 0:
            return "no frame in it"
        # In MP4 and its relatives an edit list may hide frames that the count includes.
        counted = "mp4" not in container.format.name.split(",")
        if counted and self.count < LEAST_SHARE * stream.frames:
            return f"cut short: {self.count} of {stream.frames} frames"
        announced = self._announced_seconds(container, stream)
        if announced is None or self._first is None or self._last is None:
            return None
        # The last frame lasts as long as the others do on average, or longer where it says so.
        if self.count > 1:
            seconds = self._last - self._first
            seconds += max(seconds / (self.count - 1), self._held)
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
