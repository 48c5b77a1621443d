"""Which stream is the video, and how it is shown."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from numpy.typing import NDArray

from amc.importing.video.decoding import UnreadableVideo, VideoFacts, examine, read_frames
from tests.importing.made_videos import lossless, moving_square, write_video

Frames = NDArray[np.uint8]


def write_streams(path: Path, *streams: tuple[str, Frames, Disposition]) -> Path:
    """A file with several video streams, each of a codec, frames and a disposition."""
    with av.open(str(path), "w") as container:
        made = []
        for codec, frames, disposition in streams:
            stream = container.add_stream(codec, rate=25)
            stream.height, stream.width = frames.shape[1:3]
            stream.pix_fmt = {"mjpeg": "yuvj420p", "ffv1": "bgr0"}.get(codec, "yuv420p")
            stream.disposition = disposition
            made.append(stream)
        for stream, (_, frames, _) in zip(made, streams, strict=True):
            for i, frame in enumerate(frames):
                picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
                picture.pts = i
                container.mux(stream.encode(picture))
            container.mux(stream.encode())
    return path


NONE, DEFAULT, COVER = Disposition(0), Disposition.default, Disposition.attached_pic
STILL = moving_square(1, height=96, width=96)
FILM, OTHER = moving_square(12), moving_square(12, height=96, width=128, seed=3)


@pytest.mark.parametrize(
    ("name", "streams"),
    [
        ("still first.mov", [("mjpeg", STILL, NONE), ("mpeg4", FILM, DEFAULT)]),
        ("still flagged as default, too.mkv", [("mjpeg", STILL, DEFAULT), ("mpeg4", FILM, DEFAULT)]),
        ("cover first.mp4", [("mjpeg", STILL, COVER), ("mpeg4", FILM, DEFAULT)]),
        ("cover last.mp4", [("mpeg4", FILM, DEFAULT), ("mjpeg", STILL, COVER)]),
        ("still, nothing flagged.mkv", [("mjpeg", STILL, NONE), ("mpeg4", FILM, NONE)]),
    ],
)
def test_pictures_are_not_the_video(tmp_path: Path, name: str, streams: list[tuple[str, Frames, Disposition]]) -> None:
    facts = examine(write_streams(tmp_path / name, *streams))
    assert facts == VideoFacts(frames=12, height=48, width=64)
    assert isinstance(facts, VideoFacts)
    assert facts.oddities == ()


@pytest.mark.parametrize(
    ("streams", "remark"),
    [
        ([("mpeg4", OTHER, NONE), ("mpeg4", FILM, DEFAULT)], "2 video streams: number 1 is used (64x48)"),
        ([("mpeg4", FILM, DEFAULT), ("mpeg4", OTHER, NONE)], "2 video streams: number 0 is used (64x48)"),
        ([("mpeg4", FILM, DEFAULT), ("mpeg4", OTHER, DEFAULT)], "2 video streams: number 1 is used (128x96)"),
    ],
)
def test_of_two_videos_one_is_used_and_named(
    tmp_path: Path, streams: list[tuple[str, Frames, Disposition]], remark: str
) -> None:
    facts = examine(write_streams(tmp_path / "two.mkv", *streams))
    assert isinstance(facts, VideoFacts)
    assert facts.oddities == (remark,)
    assert f"({facts.width}x{facts.height})" in remark


def test_only_a_picture(tmp_path: Path) -> None:
    path = write_streams(tmp_path / "a.mp4", ("mjpeg", STILL, COVER))
    assert examine(path) == UnreadableVideo("no video stream, only a picture")


def with_matrix(path: Path, *matrix: float) -> Path:
    """Sets (a, b, c, d) of the display matrix of an MP4 file."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    a, b, c, d = (round(65536 * value) for value in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((1, 0, 0, 1), lambda f: f),
        ((-1, 0, 0, 1), lambda f: f[:, ::-1]),  # mirrored left and right
        ((1, 0, 0, -1), lambda f: f[::-1]),
        ((-1, 0, 0, -1), lambda f: f[::-1, ::-1]),
        ((0, 1, -1, 0), lambda f: f.transpose(1, 0, 2)[:, ::-1]),  # a quarter turn clockwise
        ((0, -1, 1, 0), lambda f: f.transpose(1, 0, 2)[::-1]),
        ((0, 1, 1, 0), lambda f: f.transpose(1, 0, 2)),
        ((0, -1, -1, 0), lambda f: f.transpose(1, 0, 2)[::-1, ::-1]),
        ((0.5, 0, 0, 0.5), lambda f: f),  # scaled for display
    ],
)
def test_display_matrices(tmp_path: Path, matrix: tuple[int, int, int, int], shown: Callable[[Frames], Frames]) -> None:
    """The pixel at (x, y) is shown at (a x + c y, b x + d y): ISO/IEC 14496-12."""
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[:24, :32], frame[:24, 32:], frame[24:, :32] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    path = write_video(tmp_path / "a.mp4", [frame] * 3, codec="libx264", pixels="yuv444p", options={"qp": "1"})
    read = next(read_frames(with_matrix(path, *matrix)))
    expected = shown(frame)
    assert read.shape == expected.shape
    assert np.abs(read.astype(int) - expected).max() < 12
    facts = examine(path)
    assert isinstance(facts, VideoFacts)
    assert facts.oddities == ()


@pytest.mark.parametrize(
    ("matrix", "remark"),
    [
        ((0.8661, 0.5, -0.5, 0.8661), "rotated by 330 degrees for display: rounded to 0"),
        ((0.5, 0.8661, -0.8661, 0.5), "rotated by 300 degrees for display: rounded to 270"),
        ((0, 0, 0, 0), "empty display matrix: shown as stored"),
    ],
)
def test_other_display_matrices_are_named(tmp_path: Path, matrix: tuple[float, ...], remark: str) -> None:
    path = write_video(tmp_path / "a.mp4", moving_square(3), codec="libx264")
    facts = examine(with_matrix(path, *matrix))
    assert isinstance(facts, VideoFacts)
    assert facts.oddities == (remark,)


@pytest.mark.parametrize(("transfer", "kind"), [(16, "PQ"), (18, "HLG")])
def test_high_dynamic_range_is_named(tmp_path: Path, transfer: int, kind: str) -> None:
    path = tmp_path / "hdr.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p10le"
        stream.codec_context.color_trc = transfer
        for frame in moving_square(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    facts = examine(path)
    assert isinstance(facts, VideoFacts)
    (remark,) = facts.oddities
    assert remark.startswith(f"high dynamic range ({kind}), read as ordinary video")


def test_ordinary_video_has_no_remark(tmp_path: Path) -> None:
    facts = examine(lossless(tmp_path / "a.mkv", moving_square(3)))
    assert isinstance(facts, VideoFacts)
    assert facts.oddities == ()
