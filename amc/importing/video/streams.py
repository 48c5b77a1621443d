"""Chooses the stream of a file that is the video, among cover pictures, previews and stills."""

from __future__ import annotations

from collections import Counter

import av
import av.error
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

_NO_VIDEO = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image | Disposition.dependent


class NoVideoError(Exception):
    """A file without a video that can be decoded; the message is the reason."""


def video_stream(container: InputContainer) -> tuple[VideoStream, str]:
    """The video stream of an open file, and a remark if there are several; empty otherwise.

    Cover pictures and streams with a single frame are not videos. Of several videos it is the one that is flagged as
    default, then the one with the largest picture, then the first.

    Raises:
        NoVideoError: there is none.
    """
    streams = [stream for stream in container.streams.video if not stream.disposition & _NO_VIDEO]
    if not streams:
        raise NoVideoError("no video stream, only a picture" if container.streams.video else "no video stream")
    known = [stream for stream in streams if stream.codec_context is not None]
    if not known:
        raise NoVideoError("unknown codec")
    if len(known) == 1:
        return known[0], ""
    packets = _count_packets(container.name, [stream.index for stream in known])
    moving = [stream for stream in known if packets[stream.index] > 1] or known
    best = min(moving, key=lambda stream: (not stream.disposition & Disposition.default, -_area(stream), stream.index))
    if len(moving) == 1:
        return best, ""
    return best, f"{len(moving)} video streams: number {best.index} is used ({best.width}x{best.height})"


def _area(stream: VideoStream) -> int:
    return stream.width * stream.height


def _count_packets(name: str, indices: list[int]) -> Counter[int]:
    """Number of packets of each stream before the end or the first damage; reads the file without decoding it."""
    counts: Counter[int] = Counter()
    try:
        with av.open(name, metadata_errors="replace", options={"protocol_whitelist": "file"}) as container:
            for packet in container.demux([container.streams[i] for i in indices]):
                counts[packet.stream_index] += packet.size > 0
    except (av.error.FFmpegError, OSError, ValueError):
        pass  # found again when the chosen stream is decoded
    return counts
