"""Clips side by side as an MP4 video, written with PyAV."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream
from numpy.typing import NDArray

from amc.atomic import atomic_write
from amc.evaluation.pictures.strip import Row, pages


def mp4(rows: Sequence[Row], path: Path, *, fps: float = 10) -> None:
    """Writes a video with the frames that `amc.evaluation.pictures.strip.gif` shows.

    Args:
        rows: captions and clips, as for `strip`.
        path: the file to write; it appears when it is complete.
        fps: frames per second.

    Raises:
        ValueError: there are no rows, or a clip is not uint8 (T, H, W, 3).
        OSError: the file cannot be written.
    """
    film = _encoded([_even(np.asarray(page)) for page in pages(rows)], fps, codec())

    with atomic_write(path) as partial:
        partial.write_bytes(film)


def codec() -> str:
    """The encoder: H.264 if PyAV was built with libx264, else MPEG-4 part 2, which every build has."""
    return "libx264" if "libx264" in av.codecs_available else "mpeg4"


def _encoded(frames: Sequence[NDArray[np.uint8]], fps: float, encoder: str) -> bytes:
    """An MP4 file, encoded in memory: on a full disk the encoder would crash, writing bytes raises OSError."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        # Nearly lossless: clips are small, and single pixels matter.
        options = {"crf": "14"} if encoder == "libx264" else {"qmin": "1", "qmax": "3"}
        rate = Fraction(fps).limit_denominator(1000)
        stream = cast(VideoStream, container.add_stream(encoder, rate=rate, options=options))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"  # supported by every player
        context = stream.codec_context
        context.thread_count = 1  # the videos are too small for more
        # Explicit, because players otherwise guess the colour space from the size.
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(
                format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
            )
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return buffer.getvalue()


def _even(page: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pads a page to even height and width, which yuv420p needs."""
    return np.pad(page, ((0, page.shape[0] % 2), (0, page.shape[1] % 2), (0, 0)), mode="edge")
