"""Decoding: what was written comes back, and what is damaged is said to be."""

from __future__ import annotations

import struct
import tracemalloc
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amc.importing.video.decoding import (
    DecodeError,
    Square,
    UnreadableVideo,
    VideoFacts,
    centre_square,
    examine,
    read_frames,
)
from tests.importing.made_videos import lossless, moving_square, write_gif, write_video


def test_lossless_video_comes_back_bit_for_bit(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (5, 31, 45, 3), dtype=np.uint8)
    path = lossless(tmp_path / "noise.mkv", frames)
    assert examine(path) == VideoFacts(frames=5, height=31, width=45)
    np.testing.assert_array_equal(np.stack(list(read_frames(path))), frames)


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("b.mkv", "libx264", "yuv444p"),
        ("c.avi", "mpeg4", "yuv420p"),
        ("d.avi", "mjpeg", "yuvj420p"),
        ("e.webm", "libvpx-vp9", "yuv420p"),
        ("f.mov", "prores_ks", "yuv422p10le"),
        ("g.ts", "mpeg2video", "yuv420p"),
        ("h.avi", "rawvideo", "bgr24"),
        ("i.mkv", "ffv1", "gray"),
    ],
)
def test_codecs(tmp_path: Path, name: str, codec: str, pixels: str) -> None:
    frames = moving_square(12)
    path = write_video(tmp_path / name, frames, codec=codec, pixels=pixels)
    assert examine(path) == VideoFacts(frames=12, height=48, width=64)
    read = np.stack(list(read_frames(path)))
    if pixels != "gray":
        assert np.abs(read.astype(int) - frames).mean() < 6
    else:
        # 0.299 x 230 + 0.587 x 120 + 0.114 x 30 in the square.
        assert abs(int(read[0, 24, 4, 0]) - 143) < 4


def test_odd_size_keeps_all_columns(tmp_path: Path) -> None:
    frames = np.zeros((3, 37, 53, 3), np.uint8)
    frames[:, :, 52] = 255
    path = lossless(tmp_path / "odd.avi", frames)
    assert next(read_frames(path))[:, 52].min() == 255


@pytest.mark.parametrize(
    ("matrix", "corner"), [((0, 1, -1, 0), "top"), ((0, -1, 1, 0), "bottom"), ((-1, 0, 0, -1), "right")]
)
def test_rotation_flag(tmp_path: Path, matrix: tuple[int, int, int, int], corner: str) -> None:
    """A picture with a bright left half, turned by its display matrix: (0, 1, -1, 0) is a quarter turn clockwise."""
    frames = np.zeros((4, 32, 64, 3), np.uint8)
    frames[:, :, :32] = 255
    path = write_video(tmp_path / "turned.mp4", frames, codec="libx264")
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    a, b, c, d = (65536 * value for value in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    shown = next(read_frames(path))
    bright = {"top": shown[:32], "bottom": shown[32:], "right": shown[:, 32:]}[corner]
    assert shown.shape == ((32, 64, 3) if corner == "right" else (64, 32, 3))
    assert bright.mean() > 230
    assert shown.mean() == pytest.approx(bright.mean() / 2, abs=10)


@pytest.mark.parametrize("name", ["a.mp4", "b.avi", "c.mkv", "d.webm"])
@pytest.mark.parametrize("part", [0.05, 0.3, 0.7])
def test_truncated_video_is_unreadable(tmp_path: Path, name: str, part: float) -> None:
    codec = {"a.mp4": "libx264", "b.avi": "mjpeg", "c.mkv": "mpeg4", "d.webm": "libvpx-vp9"}[name]
    noise = np.random.default_rng(1).integers(0, 60, (40, 48, 64, 3), dtype=np.uint8)
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = write_video(tmp_path / name, moving_square(40) + noise, codec=codec, pixels=pixels)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    result = examine(path)
    assert isinstance(result, UnreadableVideo)
    assert result.reason.startswith(("cannot be decoded (", "truncated: ", "damaged at ", "no "))


@pytest.mark.parametrize("content", [b"", b"just some text\n" * 50, b"\0" * 5000])
def test_what_is_no_video(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(content)
    assert isinstance(examine(path), UnreadableVideo)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    assert examine(tmp_path / "none.mp4") == UnreadableVideo("cannot be decoded (No such file or directory)")
    assert isinstance(examine(tmp_path), UnreadableVideo)


def test_sound_alone(tmp_path: Path) -> None:
    path = tmp_path / "sound.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    assert examine(path) == UnreadableVideo("no video stream")


def test_error_comes_after_the_good_frames(tmp_path: Path) -> None:
    path = write_video(tmp_path / "x.avi", moving_square(40), codec="mjpeg", pixels="yuvj420p")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    frames = read_frames(path)
    assert next(frames).shape == (48, 64, 3)
    with pytest.raises(DecodeError, match="truncated"):
        list(frames)


@given(at=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=30), part=st.floats(0, 1))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_corruption_is_a_result_or_a_reason(tmp_path: Path, at: list[tuple[float, int]], part: float) -> None:
    whole = tmp_path / "whole.mp4"
    if not whole.exists():
        write_video(whole, moving_square(10), codec="libx264")
    data = bytearray(whole.read_bytes())
    for place, value in at:
        data[int(place * (len(data) - 1))] = value
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(data[: int(len(data) * (0.5 + part))])
    assert isinstance(examine(broken), VideoFacts | UnreadableVideo)


def test_memory_is_that_of_a_few_frames(tmp_path: Path) -> None:
    frames = (moving_square(1, height=360, width=640)[0] for _ in range(120))
    path = write_video(tmp_path / "long.avi", frames)
    tracemalloc.start()
    assert examine(path) == VideoFacts(120, 360, 640)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 360 * 640 * 3


def test_centre_square() -> None:
    assert centre_square(48, 64) == Square(left=8, top=0, side=48)
    assert centre_square(65, 48) == Square(left=0, top=8, side=48)
    frame = np.arange(3 * 5 * 3, dtype=np.uint8).reshape(3, 5, 3)
    np.testing.assert_array_equal(centre_square(3, 5).cut(frame), frame[:, 1:4])


@pytest.mark.parametrize("name", ["a.mp4", "b.mkv"])
@pytest.mark.parametrize(("aspect", "width"), [(Fraction(4, 3), 85), (Fraction(8, 9), 57), (Fraction(1), 64)])
def test_pixels_that_are_not_square(tmp_path: Path, name: str, aspect: Fraction, width: int) -> None:
    """The width is scaled, the height stays: 64 x 4/3 = 85.3 and 64 x 8/9 = 56.9."""
    frames = np.zeros((6, 48, 64, 3), np.uint8)
    frames[:, :, :32] = 255
    path = write_video(tmp_path / name, frames, codec="libx264", aspect=aspect)
    assert examine(path) == VideoFacts(frames=6, height=48, width=width)
    shown = next(read_frames(path)).astype(float).mean(axis=(0, 2))
    assert abs(shown.sum() / 255 - width / 2) < 1
    assert (np.diff(shown) < 8).all()


def test_pixel_aspect_comes_before_the_rotation(tmp_path: Path) -> None:
    path = write_video(tmp_path / "t.mp4", moving_square(4), codec="libx264", aspect=Fraction(4, 3))
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    data[at : at + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    assert examine(path) == VideoFacts(frames=4, height=85, width=48)


def test_absurd_pixel_aspect_is_ignored_and_named(tmp_path: Path) -> None:
    facts = examine(write_video(tmp_path / "a.mkv", moving_square(4), codec="libx264", aspect=Fraction(10)))
    assert facts == VideoFacts(frames=4, height=48, width=64)
    assert isinstance(facts, VideoFacts)
    assert facts.oddities == ("implausible pixel aspect ratio 10: pixels taken as square",)


def test_interlaced_video_is_named(tmp_path: Path) -> None:
    options = {"flags": "+ildct+ilme", "top": "1"}
    facts = examine(write_video(tmp_path / "i.ts", moving_square(9), codec="mpeg2video", options=options))
    assert facts == VideoFacts(frames=9, height=48, width=64)
    assert isinstance(facts, VideoFacts)
    assert facts.oddities == ("interlaced: each frame combines two fields recorded at different times",)


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.mkv", "ffv1", "yuv444p10le"),
        ("b.mkv", "ffv1", "yuv444p16le"),
        ("c.mkv", "ffv1", "gbrp12le"),
        ("d.mov", "png", "rgb48be"),
        ("e.mkv", "libx265", "yuv420p10le"),
        ("f.mov", "qtrle", "argb"),
        ("g.webm", "libvpx-vp9", "yuva420p"),
        ("h.mkv", "ffv1", "bgra"),
        ("i.avi", "huffyuv", "yuv422p"),
    ],
)
def test_depths_and_transparency(tmp_path: Path, name: str, codec: str, pixels: str) -> None:
    try:
        av.Codec(codec, "w")
    except ValueError:
        pytest.skip(f"this FFmpeg does not write {codec}")
    frames = moving_square(5, height=46, width=66)
    if "a" in pixels:
        frames = np.concatenate([frames, np.full((*frames.shape[:3], 1), 200, np.uint8)], axis=3)
    path = write_video(tmp_path / name, frames, codec=codec, pixels=pixels)
    assert examine(path) == VideoFacts(frames=5, height=46, width=66)
    read = np.stack(list(read_frames(path))).astype(int)
    assert np.abs(read - frames[..., :3]).mean() < 6


@pytest.mark.parametrize(("height", "width"), [(1, 33), (33, 2), (3, 5), (47, 63)])
def test_sizes_that_nothing_divides(tmp_path: Path, height: int, width: int) -> None:
    frames = np.random.default_rng(2).integers(0, 256, (3, height, width, 3), dtype=np.uint8)
    path = lossless(tmp_path / "odd.mkv", frames)
    np.testing.assert_array_equal(np.stack(list(read_frames(path))), frames)


def test_gif_whose_pictures_last_unequally(tmp_path: Path) -> None:
    hundredths = [0, 4, 8, 40, 44, 46, 48, 52]
    facts = examine(write_gif(tmp_path / "a.gif", moving_square(8), hundredths=hundredths))
    assert facts == VideoFacts(frames=8, height=48, width=64)
    assert isinstance(facts, VideoFacts)
    assert facts.timing.uneven
    # 52/7 = 7.43 hundredths an interval; middles 3.7, 11.1, 18.6, 26, 33.4, 40.9, 48.3, 55.7.
    assert facts.timing.sample().tolist() == [0, 2, 2, 2, 2, 3, 6, 7]


def test_a_last_picture_that_is_held_is_not_cut_short(tmp_path: Path) -> None:
    """The length of a picture stands in the block before it: a second and more for the last of ten."""
    path = write_gif(tmp_path / "a.gif", moving_square(10))
    data = bytearray(path.read_bytes())
    at = data.rindex(b"\x21\xf9\x04")
    data[at + 4 : at + 6] = (150).to_bytes(2, "little")
    path.write_bytes(data)
    facts = examine(path)
    assert facts == VideoFacts(frames=10, height=48, width=64)
    assert isinstance(facts, VideoFacts)
    assert not facts.timing.uneven


def test_frames_of_absurd_size_are_refused(tmp_path: Path) -> None:
    path = lossless(tmp_path / "a.avi", moving_square(4))
    data = bytearray(path.read_bytes())
    at = data.index(b"strf") + 8
    data[at + 4 : at + 12] = struct.pack("<ii", 60_000, 60_000)
    path.write_bytes(data)
    assert isinstance(examine(path), UnreadableVideo)
