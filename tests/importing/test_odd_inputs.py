"""Two hundred valid but odd videos and tables, made from a seed: each is read as what it was made from.

Where ffmpeg is installed, it must agree.
"""

from __future__ import annotations

import itertools
import json
import shutil
import struct
import subprocess
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.stream import Disposition
from av.video.stream import VideoStream
from numpy.typing import NDArray

from amc.importing.keypoint_source import keypoint_source
from amc.importing.video.decoding import VideoFacts, examine, read_frames

SEED = 16
NUMBERS = [pytest.param(i, marks=() if i < 5 else pytest.mark.slow) for i in range(100)]

# Coefficients of red and blue in luma, by the code of the colour matrix in ITU-T H.273.
LUMA = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 7: (0.212, 0.087), 9: (0.2627, 0.0593), 2: (0.299, 0.114)}
LOSSLESS = [(".mp4", "libx264"), (".mov", "libx264"), (".mkv", "libx264"), (".mkv", "ffv1"), (".webm", "libvpx-vp9")]
LOSSY = [
    *((".avi", "mpeg4"), (".avi", "mjpeg"), (".ts", "mpeg2video"), (".mov", "mjpeg"), (".flv", "flv1")),
    *((".mkv", "mpeg4"), (".wmv", "wmv2"), (".3gp", "mpeg4"), (".nut", "mpeg4"), (".mpg", "mpeg1video")),
]
# Codec of the sound in a container.
SOUND = {
    **dict.fromkeys((".mp4", ".flv", ".3gp"), "aac"),
    **dict.fromkeys((".avi", ".ts", ".mpg"), "mp2"),
    **dict.fromkeys((".mov", ".mkv", ".nut"), "pcm_s16le"),
    **{".webm": "libopus", ".wmv": "wmav2"},
}
SOUND_RATE = 48_000
RATES = [Fraction(24), Fraction(25), Fraction(30), Fraction(50), Fraction(30000, 1001)]
MATRICES = {
    (1, 0, 0, 1): lambda f: f,
    (-1, 0, 0, 1): lambda f: f[:, ::-1],
    (1, 0, 0, -1): lambda f: f[::-1],
    (-1, 0, 0, -1): lambda f: f[::-1, ::-1],
    (0, 1, -1, 0): lambda f: f.transpose(1, 0, 2)[:, ::-1],
    (0, -1, 1, 0): lambda f: f.transpose(1, 0, 2)[::-1],
    (0, 1, 1, 0): lambda f: f.transpose(1, 0, 2),
    (0, -1, -1, 0): lambda f: f.transpose(1, 0, 2)[::-1, ::-1],
}


@dataclass(frozen=True)
class OddVideo:
    """What a video is made of; its quadrants have four colours, and its centre is brighter in each frame."""

    ending: str
    codec: str
    height: int
    width: int
    frames: int
    rate: Fraction
    start: int  # frames
    colours: int
    full_range: bool
    matrix: tuple[int, int, int, int]
    picture: str  # where a cover picture or a still is: before, after or none
    sound: str  # where a stream of sound is: before, after or none
    times: tuple[int, ...]  # when each frame is shown, in frames after the first

    @classmethod
    def draw(cls, number: int) -> OddVideo:
        random = np.random.default_rng([SEED, number])
        lossless = random.random() < 0.6
        ending, codec = (LOSSLESS if lossless else LOSSY)[random.integers(len(LOSSLESS if lossless else LOSSY))]
        boxes, keeps_clock = ending in (".mp4", ".mov"), ending in (".mp4", ".mov", ".mkv", ".webm", ".ts")
        more = np.random.default_rng([SEED, number, 1])
        uneven = keeps_clock and more.random() < 0.4
        frames = int(np.random.default_rng([SEED, number, 2]).integers(6, 16))
        return cls(
            ending,
            codec,
            *(2 * int(half) for half in random.integers(16, 50, 2)),
            frames=frames,
            rate=RATES[random.integers(len(RATES))],
            start=int(random.integers(1, 20_000)) if keeps_clock and random.random() < 0.5 else 0,
            colours=list(LUMA)[random.integers(len(LUMA))] if lossless else 2,
            full_range=bool(lossless and random.random() < 0.4),
            matrix=list(MATRICES)[random.integers(len(MATRICES))] if boxes else (1, 0, 0, 1),
            picture=["before", "after", "none"][random.integers(3)] if ending in (".mp4", ".mov", ".mkv") else "none",
            sound=["before", "after", "none"][more.integers(3)],
            times=_uneven(more, frames) if uneven else tuple(range(frames)),
        )

    def content(self, frame: int) -> NDArray[np.uint8]:
        """The picture as it is stored, uint8 (H, W, 3)."""
        h, w = self.height, self.width
        picture = np.full((h, w, 3), 200, np.uint8)
        picture[: h // 2, : w // 2], picture[: h // 2, w // 2 :] = (220, 20, 20), (20, 200, 20)
        picture[h // 2 :, : w // 2] = (30, 30, 220)
        picture[h // 3 : h - h // 3, w // 3 : w - w // 3] = 12 * frame + 10
        return picture

    def write(self, folder: Path) -> Path:
        path = folder / f"odd{self.ending}"
        with av.open(str(path), "w") as container:
            sound = self._sound(container) if self.sound == "before" else None
            still = self._still(container) if self.picture == "before" else None
            stream = container.add_stream(self.codec, rate=self.rate)
            stream.width, stream.height, stream.pix_fmt = self.width, self.height, self.pixels
            stream.disposition = Disposition.default
            if self.codec == "libx264":
                stream.options = {"qp": "0"}
            elif self.codec == "libvpx-vp9":
                stream.options = {"lossless": "1"}
            else:
                stream.bit_rate = 4_000_000
            if self.lossless:
                stream.codec_context.colorspace = self.colours
                stream.codec_context.color_range = 2 if self.full_range else 1
            still = self._still(container) if self.picture == "after" else still
            sound = self._sound(container) if self.sound == "after" else sound
            if still is not None:
                frame = av.VideoFrame.from_ndarray(np.full((200, 200, 3), 90, np.uint8), format="rgb24")
                frame.pts, frame.time_base = 0, Fraction(1, 25)
                container.mux([*still.encode(frame), *still.encode()])
            if sound is not None:
                container.mux([*self._heard(sound), *sound.encode()])
            for i, time in enumerate(self.times):
                frame = self._encoded(self.content(i))
                frame.pts, frame.time_base = self.start + time, 1 / self.rate
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        if self.matrix != (1, 0, 0, 1):
            self._turn(path)
        return path

    @property
    def lossless(self) -> bool:
        return (self.ending, self.codec) in LOSSLESS

    @property
    def pixels(self) -> str:
        return "yuv444p" if self.lossless else "yuvj420p" if self.codec == "mjpeg" else "yuv420p"

    def _still(self, container: av.container.OutputContainer) -> VideoStream:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 200, 200, "yuvj420p"
        stream.disposition = Disposition(0) if self.ending == ".mov" else Disposition.attached_pic
        return stream

    def _sound(self, container: av.container.OutputContainer) -> AudioStream:
        stream = container.add_stream(SOUND[self.ending], rate=SOUND_RATE)
        stream.layout, stream.bit_rate = "stereo", 128_000
        return stream

    def _heard(self, stream: AudioStream) -> list[av.Packet]:
        """Sound that starts with the film and lasts longer."""
        length = int((self.times[-1] + 10) / self.rate * SOUND_RATE)
        wave = (8000 * np.sin(np.arange(length) / 20)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.stack([wave, wave], axis=1).reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate = SOUND_RATE
        frame.pts, frame.time_base = int(self.start / self.rate * SOUND_RATE), Fraction(1, SOUND_RATE)
        return stream.encode(frame)

    def sampled(self) -> list[int]:
        """The frame that is on screen in the middle of each of as many equal intervals as there are frames."""
        mean = Fraction(self.times[-1], self.frames - 1)
        return [
            max(i for i, at in enumerate(self.times) if at <= (k + Fraction(1, 2)) * mean) for k in range(self.frames)
        ]

    def _encoded(self, picture: NDArray[np.uint8]) -> av.VideoFrame:
        if not self.lossless:
            return av.VideoFrame.from_ndarray(picture, format="rgb24")
        kr, kb = LUMA[self.colours]
        red, green, blue = picture.transpose(2, 0, 1) / 255
        luma = kr * red + (1 - kr - kb) * green + kb * blue
        chroma = ((blue - luma) / (2 - 2 * kb), (red - luma) / (2 - 2 * kr))
        scales = (255, 255, 0) if self.full_range else (219, 224, 16)
        planes = [luma * scales[0] + scales[2], *(part * scales[1] + 128 for part in chroma)]
        frame = av.VideoFrame(self.width, self.height, "yuv444p")
        frame.colorspace, frame.color_range = self.colours, 2 if self.full_range else 1
        for plane, values in zip(frame.planes, planes, strict=True):
            rows = np.zeros((self.height, plane.line_size), np.uint8)
            rows[:, : self.width] = np.rint(values).clip(0, 255)
            plane.update(rows.tobytes())
        return frame

    def _turn(self, path: Path) -> None:
        """Sets the display matrix of the film's track, which is the one with its size."""
        data = bytearray(path.read_bytes())
        at = -1
        while (at := data.find(b"tkhd", at + 1)) >= 0:
            if struct.unpack(">2I", data[at + 80 : at + 88]) == (self.width << 16, self.height << 16):
                a, b, c, d = (65536 * value for value in self.matrix)
                data[at + 44 : at + 80] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
        path.write_bytes(data)


def _uneven(random: np.random.Generator, frames: int) -> tuple[int, ...]:
    """Times of frames of which none is shown or taken away within a tenth of the middle of an interval."""
    while True:
        times = np.append(0, random.choice([1, 1, 1, 2, 3, 6], frames - 1).cumsum())
        middles = (np.arange(frames) + 0.5) * times[-1] / (frames - 1)
        if np.abs(times[:, None] - middles).min() > 0.1:
            return tuple(int(time) for time in times)


def _by_ffmpeg(path: Path, video: OddVideo) -> tuple[list[float], NDArray[np.uint8]] | None:
    """The times of the film's frames, NaN if unknown, and its frames as shown; None if ffmpeg is not installed."""
    if shutil.which("ffprobe") is None or shutil.which("ffmpeg") is None:
        return None
    shown = ["-show_entries", "stream=index,width,height:frame=stream_index,pts_time"]
    probed = subprocess.run(
        ["ffprobe", "-v", "error", *shown, "-of", "json", str(path)], check=True, capture_output=True
    )
    found: dict[str, Any] = json.loads(probed.stdout)
    size = (video.width, video.height)
    (index,) = (s["index"] for s in found["streams"] if (s.get("width"), s.get("height")) == size)
    frames = [frame for frame in found["frames"] if frame.get("stream_index") == index]
    times = [float(frame.get("pts_time", "nan")) for frame in frames]
    raw = ["-map", f"0:{index}", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    made = subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), *raw], check=True, capture_output=True)
    shape = MATRICES[video.matrix](video.content(0)).shape
    return times, np.frombuffer(made.stdout, np.uint8).reshape(-1, *shape)


@pytest.mark.parametrize("number", NUMBERS)
def test_odd_videos(tmp_path: Path, number: int) -> None:
    video = OddVideo.draw(number)
    path = video.write(tmp_path)
    facts = examine(path)
    assert isinstance(facts, VideoFacts), (video, facts)
    uneven = video.sampled() != list(range(video.frames))
    assert (facts.frames, facts.oddities, facts.timing.uneven) == (video.frames, (), uneven), (video, facts.oddities)
    assert facts.timing.sample().tolist() == video.sampled(), video
    mean = video.times[-1] / (video.frames - 1) / video.rate
    assert facts.timing.interval is not None
    assert abs(float(facts.timing.interval / mean) - 1) < 0.02, video
    others = _by_ffmpeg(path, video)
    if others is not None:
        times, pictures = others
        assert len(times) == len(pictures) == video.frames, video
        written = np.diff(video.times) / float(video.rate)
        if not np.isnan(times).any():  # MPEG-1 video has few time stamps
            np.testing.assert_allclose(np.diff(times), written, atol=0.002, err_msg=str(video))
    turn = MATRICES[video.matrix]
    for i, read in enumerate(read_frames(path)):
        expected = turn(video.content(i))
        assert read.shape == expected.shape, video
        # Away from the edges between colours, which lossy codecs blur.
        h, w = expected.shape[:2]
        for y, x in itertools.product((h // 8, h // 2, h - 1 - h // 8), (w // 8, w // 2, w - 1 - w // 8)):
            if (y == h // 2) == (x == w // 2):
                error = np.abs(read[y, x].astype(int) - expected[y, x]).max()
                assert error <= (4 if video.lossless else 45), (video, i, y, x, read[y, x], expected[y, x])
                if others is not None:
                    theirs = pictures[i, y, x]
                    assert np.abs(read[y, x].astype(int) - theirs).max() <= 6, (video, i, y, x, read[y, x], theirs)


NAMES = ("left_hand", "right_hand", "head")
FILES = ("wave/anna.mp4", "bend/café.mp4")
FACTS = VideoFacts(frames=12, height=240, width=320)


@dataclass(frozen=True)
class OddTable:
    """A table as some program saves it, and the points in it, by video; NaN where not found."""

    content: bytes
    files: tuple[str, ...]
    points: dict[str, NDArray[np.float64]]

    @classmethod
    def draw(cls, number: int) -> OddTable:
        random = np.random.default_rng([SEED, 1000 + number])

        def one_of(*choices: str) -> str:
            return choices[random.integers(len(choices))]

        def chance(share: float = 0.3) -> bool:
            return bool(random.random() < share)

        separator, shares = one_of(",", ",", ";", "\t", "|"), chance()
        comma = separator != "," and chance(0.5)
        encoding = one_of("utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252")
        absent = one_of("", "nan", "NaN", "NA", "0", "-1", "null")
        digits = 6 if shares else 2
        points = {file: np.round(random.uniform(10, 230, (12, 3, 2)), 2) for file in FILES}
        nowhere = {file: random.random((12, 3)) < 0.2 for file in FILES}
        scale = np.array([FACTS.width, FACTS.height]) if shares else np.ones(2)

        def cell(value: float, off: bool) -> str:
            text = absent if off else f"{value:.{digits}f}"
            return text.replace(".", ",") if comma else text

        named = chance()
        heads = [f"{n}_x" for n in NAMES] + [f"{n}_y" for n in NAMES]
        heads = ["video", "frame", *(heads if named else ["x_0", "x_1", "x_2", "y_0", "y_1", "y_2"])]
        rows = []
        for file, frame in itertools.product(FILES, range(12)):
            values = (points[file][frame] + (0.5 if shares else 0)) / scale
            off = nowhere[file][frame]
            cells = [cell(values[i, axis], bool(off[i])) for axis in (0, 1) for i in range(3)]
            rows.append([file, str(frame), *cells])
        if chance():
            random.shuffle(rows)
        order = [int(i) for i in random.permutation(len(heads))] if chance() else list(range(len(heads)))
        table = [[heads[i] for i in order], *([row[i] for i in order] for row in rows)]
        if chance():
            table = [[*cells, "", ""] for cells in table]  # padded
        elif chance():
            table = [["" if i == 0 else str(i - 1), *cells] for i, cells in enumerate(table)]  # pandas' index
        if chance():
            table[0] = [one_of(head.upper(), head.title(), f" {head} ") for head in table[0]] if not named else table[0]
        lines = [separator.join(cells) for cells in table]
        if not named:
            comment = "# keypoints: " + ",".join(NAMES)
            lines.insert(0, f'"{comment}"{separator * 2}' if chance() else comment)
        if chance(0.15):
            lines.insert(0, f"sep={separator}")
        text = one_of("\n", "\r\n").join(lines) + one_of("", "\n")
        text = text.replace("wave/", "wave\\").replace("bend/", "bend\\") if chance(0.2) else text
        files = FILES
        if chance(0.4):
            files = (FILES[0], unicodedata.normalize("NFD", FILES[1]))
        elif chance(0.2):
            text = text.replace("wave", "WAVE").replace("anna", "Anna")
        kept = {
            file: np.where(nowhere[name][..., None], np.nan, points[name])
            for file, name in zip(files, FILES, strict=True)
        }
        return cls(text.encode(encoding), files, kept)


@pytest.mark.parametrize("number", NUMBERS)
def test_odd_tables(tmp_path: Path, number: int) -> None:
    table = OddTable.draw(number)
    path = tmp_path / "table.csv"
    path.write_bytes(table.content)
    with keypoint_source(path, None) as source:
        assert sorted(source.names) == sorted(NAMES)
        columns = [source.names.index(name) for name in NAMES]
        assert source.unknown_videos(table.files) == []
        for file in table.files:
            rows = source.find(file, Path(file), FACTS)
            assert rows is not None, file
            np.testing.assert_allclose(rows.over(12)[:, columns], table.points[file], atol=0.01)
