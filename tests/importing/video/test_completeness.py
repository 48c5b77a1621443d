"""Durations that are not what decodes: harmless ones are read and named, and what is cut short is refused."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest

from amc.importing.video.decoding import UnreadableVideo, VideoFacts, examine
from tests.importing.made_videos import moving_square, write_video

CODECS = {".mp4": "mpeg4", ".mov": "mjpeg", ".mkv": "mpeg4", ".webm": "libvpx", ".avi": "mjpeg", ".flv": "flv1"}
NOISE = np.random.default_rng(1).integers(0, 60, (30, 48, 64, 3), dtype=np.uint8)


def _video(path: Path, start: int = 0) -> Path:
    """30 frames of 40 ms; the first is shown at `start` ms."""
    codec = CODECS[path.suffix]
    stamps = [start + 40 * i for i in range(30)] if start else None
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    options = {"strict": "unofficial"}
    return write_video(path, moving_square(30) + NOISE, codec=codec, pixels=pixels, stamps=stamps, options=options)


def _announce_twice(path: Path) -> None:
    """Doubles the duration or the number of frames in the head of the file."""
    data = bytearray(path.read_bytes())
    if path.suffix in (".mkv", ".webm"):
        at = data.index(b"\x44\x89\x88") + 3
        data[at : at + 8] = struct.pack(">d", 2 * struct.unpack(">d", data[at : at + 8])[0])
    elif path.suffix == ".avi":
        for at in (data.index(b"avih") + 8 + 16, data.index(b"strh") + 8 + 32):
            data[at : at + 4] = struct.pack("<I", 2 * struct.unpack("<I", data[at : at + 4])[0])
    else:
        at = data.index(b"duration") + 9
        data[at : at + 8] = struct.pack(">d", 2 * struct.unpack(">d", data[at : at + 8])[0])
    path.write_bytes(data)


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".webm"])
@pytest.mark.parametrize("start", [400, 3_600_000])
def test_a_part_that_keeps_the_clock_of_the_whole(tmp_path: Path, ending: str, start: int) -> None:
    path = _video(tmp_path / f"a{ending}", start)
    facts = examine(path)
    assert facts == VideoFacts(frames=30, height=48, width=64)
    assert isinstance(facts, VideoFacts)
    assert not facts.timing.uneven
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    assert isinstance(examine(path), UnreadableVideo)


@pytest.mark.parametrize("ending", [".mkv", ".webm", ".avi", ".flv"])
def test_a_wrong_duration_is_harmless_where_nothing_is_missing(tmp_path: Path, ending: str) -> None:
    path = _video(tmp_path / f"a{ending}")
    _announce_twice(path)
    facts = examine(path)
    assert facts == VideoFacts(frames=30, height=48, width=64), facts
    assert isinstance(facts, VideoFacts)
    assert facts.oddities == (
        "the file's header declares more than the file contains, but the file is not truncated: 1.2 of 2.4 seconds",
    ) or (ending == ".flv" and facts.oddities == ())  # FFmpeg looks at the last tag itself
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    assert isinstance(examine(path), UnreadableVideo)


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".webm", ".avi"])
def test_a_download_whose_rest_is_zeros(tmp_path: Path, ending: str) -> None:
    """As programs leave it that reserve the whole file first; the head of an MP4 file is at its end."""
    path = _video(tmp_path / f"a{ending}")
    data = path.read_bytes()
    half = len(data) // 2
    path.write_bytes(data[:half] + bytes(len(data) - half))
    assert isinstance(examine(path), UnreadableVideo)


def test_the_long_first_frame_of_an_avi_part_is_cut(tmp_path: Path) -> None:
    """Programs that keep the clock of the whole recording repeat the first frame until the second one is due."""
    frames = moving_square(12)
    path = write_video(tmp_path / "a.avi", frames, codec="mjpeg", pixels="yuvj420p", stamps=None)
    data = path.read_bytes()
    # 30 empty chunks after the first frame, and no index.
    at = data.index(b"movi") + 4
    (size,) = struct.unpack("<I", data[at + 4 : at + 8])
    after = at + 8 + size + size % 2
    end = data.index(b"idx1")
    whole = bytearray(data[:after] + b"00dc\0\0\0\0" * 30 + data[after:end])
    whole[4:8] = struct.pack("<I", len(whole) - 8)
    whole[at - 8 : at - 4] = struct.pack("<I", len(whole) - at + 4)
    path.write_bytes(whole)
    facts = examine(path)
    assert facts == VideoFacts(frames=12, height=48, width=64), facts
    assert isinstance(facts, VideoFacts)
    assert facts.timing.sample().tolist() == list(range(12))
    assert facts.oddities == (
        "the first frame lasts 1.2 seconds, as in an excerpt of a longer recording: shortened to one frame",
    )


def test_sound_that_lasts_longer_than_a_wmv_film(tmp_path: Path) -> None:
    """In ASF, every stream announces the duration of the file."""
    path = tmp_path / "a.wmv"
    with av.open(str(path), "w") as container:
        film, sound = container.add_stream("wmv2", rate=25), container.add_stream("wmav2", rate=48_000)
        film.width, film.height, film.pix_fmt = 64, 48, "yuv420p"
        sound.layout, sound.bit_rate = "stereo", 128_000
        heard = av.AudioFrame.from_ndarray(np.zeros((1, 2 * 48_000 * 4), np.int16), format="s16", layout="stereo")
        heard.sample_rate = 48_000
        container.mux([*sound.encode(heard), *sound.encode()])
        for picture in moving_square(30) + NOISE:
            container.mux(film.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(film.encode())
    facts = examine(path)
    assert facts == VideoFacts(frames=30, height=48, width=64), facts
    assert isinstance(facts, VideoFacts)
    assert facts.oddities == ()
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 4])
    facts = examine(path)
    assert isinstance(facts, UnreadableVideo) or facts.oddities == (
        "the file ends early: its last frames may be missing",
    )
