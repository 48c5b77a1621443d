"""Decodes videos frame by frame with PyAV, and crops the central square of a frame.

Frames are numbered from 0 in presentation order, whatever their time stamps (see `amc.importing.video.timing`), and
look as a player shows them. If pixels are not square, the width is scaled by their aspect ratio (`round(width *
ratio)`, area averaging) and the height stays; then the display matrix turns and mirrors the frame. Bit depths above 8
are reduced to 8, transparency is dropped, and interlaced frames are not separated. Colours are converted by the matrix
and range that the file states; high dynamic range is not reduced, but named. Colour conversion avoids machine-dependent
shortcuts, so a video has the same bytes everywhere.

Detected damage: errors of the demuxer or the decoder (PNG frames have checksums), frames that the decoder marks as
corrupt, and files that end early. Not detected: a flipped bit in compressed data that still decodes, because most
codecs have no checksums, and a transport stream that ends early, because nothing in it announces its length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from amc.data.resize import area_resize
from amc.importing.video.completeness import Structure, structure
from amc.importing.video.gif_blocks import gif_problem
from amc.importing.video.orientation import orientation, oriented
from amc.importing.video.streams import NoVideoError, video_stream
from amc.importing.video.timing import Timing

# 8192 x 8192; a larger size is an error in the file, or nothing to make small clips from.
MOST_PIXELS = 2**26

# A pixel's width by its height or its height by its width; television goes up to 2.2, more is an error in the file.
MOST_ASPECT = 4

# A file with less than this share of the announced duration counts as truncated, unless its structure is complete. Less
# than 1, because many files announce estimates, and edit lists hide frames.
LEAST_SHARE = 0.9

# Transfer characteristics of high dynamic range (ITU-T H.273).
_HIGH_DYNAMIC_RANGE = {16: "PQ", 18: "HLG"}

_CONVERSION = (
    Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.BITEXACT
)

# What PyAV raises for damaged files, other files and unusual file names.
_PROBLEMS = (av.error.FFmpegError, OSError, ValueError, MemoryError, OverflowError)


class DecodeError(Exception):
    """A video that cannot be decoded to its end; the message is the reason without the file name."""


@dataclass(frozen=True)
class VideoFacts:
    """Properties of a video that was decoded to its end."""

    frames: int  # at least 1
    height: int  # pixels, as shown
    width: int
    timing: Timing = field(default_factory=lambda: Timing(1), compare=False, repr=False)
    oddities: tuple[str, ...] = field(default=(), compare=False)  # messages about anything unusual


@dataclass(frozen=True)
class UnreadableVideo:
    """A video that cannot be decoded to its end."""

    reason: str


@dataclass(frozen=True)
class Square:
    """A square crop: rows top to top + side - 1, columns left to left + side - 1."""

    left: int
    top: int
    side: int

    def cut(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Returns the crop of a frame (H, W, 3) as a view (side, side, 3)."""
        return frame[self.top : self.top + self.side, self.left : self.left + self.side]


def centre_square(height: int, width: int) -> Square:
    """The largest central square of a frame; half a pixel to the top or left if it cannot be exactly central."""
    side = min(height, width)
    return Square(left=(width - side) // 2, top=(height - side) // 2, side=side)


def examine(path: Path) -> VideoFacts | UnreadableVideo:
    """Decodes a whole video, frame by frame; returns its properties, or why it cannot be used."""
    statistics = _StreamStatistics()
    shape = (0, 0)
    try:
        for frame in _read(path, statistics):
            shape = (frame.shape[0], frame.shape[1])
    except DecodeError as error:
        return UnreadableVideo(str(error))
    timing = Timing.from_stamps(statistics.shown_from(), statistics.tick, statistics.rate)
    oddities = [*statistics.oddities, *([timing.remark] if timing.remark else [])]
    return VideoFacts(statistics.count, *shape, timing=timing, oddities=tuple(oddities))


def read_frames(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Yields the frames of a video, uint8 (H, W, 3) RGB.

    Raises:
        DecodeError: after the last good frame, if the file is not a video, is damaged, is truncated (less than
            `LEAST_SHARE` of the announced frames or duration), has more than `MOST_PIXELS` per frame, or changes its
            frame size.
    """
    return _read(path, _StreamStatistics())


def _read(path: Path, statistics: _StreamStatistics) -> Iterator[NDArray[np.uint8]]:
    container: InputContainer | None = None
    if path.exists() and not path.is_file():
        raise DecodeError("not a regular file")  # opening a pipe would block
    try:
        # Local files only: some formats refer to other files, even on the network.
        container = av.open(str(path.absolute()), metadata_errors="replace", options={"protocol_whitelist": "file"})
        yield from _decode(container, statistics)
    except _PROBLEMS as error:
        raise DecodeError(_reason(error)) from error
    finally:
        if container is not None:
            container.close()


def _decode(container: InputContainer, statistics: _StreamStatistics) -> Iterator[NDArray[np.uint8]]:
    try:
        stream, remark = video_stream(container)
    except NoVideoError as error:
        raise DecodeError(str(error)) from error
    statistics.oddities += [remark] if remark else []
    _check_size(stream.codec_context.width, stream.codec_context.height)
    # Limits what the decoder allocates for a frame.
    stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
    reformatter = VideoReformatter()
    shape: tuple[int, ...] | None = None
    for frame in _frames(container, stream, statistics):
        if frame.is_corrupt:
            raise DecodeError(f"damaged at frame {statistics.count}")
        _check_size(frame.width, frame.height)
        converted = reformatter.reformat(frame, format="rgb24", interpolation=_CONVERSION)
        picture = converted.to_ndarray().astype(np.uint8, copy=False)
        if statistics.count == 0:
            statistics.avi = container.format.name == "avi"
            statistics.begin(stream, frame)
        picture = oriented(_square_pixels(picture, statistics.aspect), *orientation(frame)[0])
        if shape not in (None, picture.shape):
            raise DecodeError(f"the frame size changes at frame {statistics.count}")
        shape = picture.shape
        statistics.add(frame)
        yield picture
    problem = statistics.problem(container, stream)
    if problem is None and container.format.name == "gif":
        problem = gif_problem(Path(container.name), statistics.count)
    if problem:
        raise DecodeError(problem)


def _frames(container: InputContainer, stream: VideoStream, statistics: _StreamStatistics) -> Iterator[VideoFrame]:
    for packet in container.demux(stream):
        statistics.packet(packet)
        for frame in packet.decode():
            assert isinstance(frame, VideoFrame)
            yield frame


def _check_size(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise DecodeError(f"frames too large: {width}x{height}")


def _square_pixels(picture: NDArray[np.uint8], aspect: Fraction) -> NDArray[np.uint8]:
    """Resizes (H, W, 3) with pixels `aspect` times as wide as high to square pixels."""
    height, width = picture.shape[:2]
    return area_resize(picture, (height, max(1, int(width * aspect + Fraction(1, 2)))))


class _Missing(NamedTuple):
    """Less than the file announces."""

    found: float
    announced: float
    unit: str

    @property
    def share(self) -> float:
        return 1 - self.found / self.announced

    def __str__(self) -> str:
        digits = 1 if self.unit == "seconds" else 0
        return f"{self.found:.{digits}f} of {self.announced:.{digits}f} {self.unit}"


class _StreamStatistics:
    """What decoding reveals about a video: number of frames, time stamps, and what the file announces."""

    def __init__(self) -> None:
        self.count = 0
        self.stamps: list[int | None] = []
        self.tick: Fraction | None = None
        self.rate: Fraction | None = None
        self.aspect = Fraction(1)
        self.oddities: list[str] = []
        self.avi = False
        self._first: float | None = None
        self._last: float | None = None
        self._held = 0.0  # seconds for which the last frame is shown, if announced
        self._read_to = 0  # position in the file after the last packet
        self._last_packet: Packet[VideoStream] | None = None

    def begin(self, stream: VideoStream, frame: VideoFrame) -> None:
        """Records what is known once the first frame is decoded."""
        self.tick = frame.time_base or stream.time_base
        self.rate = stream.average_rate or stream.guessed_rate
        aspect = stream.sample_aspect_ratio or Fraction(1)
        if 1 / Fraction(MOST_ASPECT) <= aspect <= MOST_ASPECT:
            self.aspect = aspect
        else:
            self.oddities.append(f"implausible pixel aspect ratio {aspect}: pixels taken as square")
        if turned := orientation(frame)[1]:
            self.oddities.append(turned)
        if kind := _HIGH_DYNAMIC_RANGE.get(int(frame.color_trc)):
            self.oddities.append(
                f"high dynamic range ({kind}), read as ordinary video, so its colours are dull; convert it first, for "
                "example with FFmpeg's filter tonemap"
            )
        if frame.interlaced_frame:
            self.oddities.append("interlaced: each frame combines two fields recorded at different times")

    def add(self, frame: VideoFrame) -> None:
        """Counts a frame; called after `begin`."""
        self.count += 1
        self.stamps.append(frame.pts)
        if frame.time is not None:
            self._last = float(frame.time)
            self._first = self._last if self._first is None else self._first
            self._held = float(frame.duration * self.tick) if frame.duration and self.tick else 0.0

    def shown_from(self) -> list[int | None]:
        """The time stamps, without the long first frame of an AVI file that is a part of a longer recording.

        AVI has no time stamps, so programs that keep a part's clock repeat its first frame until the second one.
        """
        stamps = list(self.stamps)
        known = [stamp for stamp in stamps if stamp is not None]
        steps = {other - one for one, other in pairwise(known[1:])}
        if self.avi and len(known) == len(stamps) > 2 and steps == {1} and known[1] - known[0] > 1:
            seconds = float((known[1] - known[0]) * (self.tick or 1))
            self.oddities.append(
                f"the first frame lasts {seconds:.1f} seconds, as in an excerpt of a longer recording: "
                "shortened to one frame"
            )
            stamps[0] = known[1] - 1
        return stamps

    def problem(self, container: InputContainer, stream: VideoStream) -> str | None:
        """Why a video that was decoded to its end is incomplete; None if it is complete."""
        if self.count == 0:
            return "no frames"
        missing = self._missing(container, stream)
        found = structure(Path(container.name), container.format.name)
        if missing is None:
            if found is not None and not found.complete:
                self.oddities.append("the file ends early: its last frames may be missing")
            return None
        if found is None or not self._has_everything(found, missing.share):
            return f"truncated: {missing}"
        self.oddities.append(
            f"the file's header declares more than the file contains, but the file is not truncated: {missing}"
        )
        return None

    def packet(self, packet: Packet[VideoStream]) -> None:
        """Records that a packet was read."""
        if packet.size:
            self._read_to = max(self._read_to, (packet.pos or 0) + packet.size)
            self._last_packet = packet

    def _has_everything(self, found: Structure, share: float) -> bool:
        """Whether the file is complete and was read to the end of its frames, which are not just zeros."""
        unread = found.end - self._read_to
        zeros = self._last_packet is not None and not any(bytes(self._last_packet))
        return found.complete and not zeros and unread <= share * found.end / 2

    def _missing(self, container: InputContainer, stream: VideoStream) -> _Missing | None:
        announced = self._announced_seconds(container, stream)
        # In MP4 and related formats, an edit list may hide frames that the announced count includes.
        if stream.frames and "mp4" not in container.format.name.split(","):
            if stream.average_rate and self._last is not None:
                announced = max(announced or 0.0, float(stream.frames / stream.average_rate))
            elif self.count < LEAST_SHARE * stream.frames:
                return _Missing(self.count, stream.frames, "frames")
        if announced is None or self._first is None or self._last is None:
            return None
        # The last frame is shown as long as the others on average, or longer if the file says so.
        if self.count > 1:
            seconds = self._last - self._first
            seconds += max(seconds / (self.count - 1), self._held)
        elif stream.average_rate:
            seconds = float(1 / stream.average_rate)
        else:
            return None
        # A part of a longer recording may keep its clock; some programs then announce the time of its end.
        if announced - self._first > 0:
            announced = min(announced, announced - self._first)
        return _Missing(seconds, announced, "seconds") if seconds < LEAST_SHARE * announced else None

    @staticmethod
    def _announced_seconds(container: InputContainer, stream: VideoStream) -> float | None:
        # In WMV (ASF), every stream seems to last as long as the file.
        own = container.format.name != "asf" or len(container.streams) == 1
        if own and stream.duration is not None and stream.time_base is not None:
            return float(stream.duration * stream.time_base)
        # The file's duration is the stream's only if there is no other stream, such as longer sound.
        if container.duration is not None and len(container.streams) == 1:
            return container.duration / 1e6
        return None


def _reason(error: Exception) -> str:
    # FFmpeg's log is not used: its last line may be about an earlier file.
    message = error.strerror if isinstance(error, OSError | av.error.FFmpegError) else str(error)
    return f"cannot be decoded ({message or type(error).__name__})"
