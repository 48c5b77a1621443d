"""Videos made at test time: what is in them is known, so that what is read back can be checked."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

ARM_STEP = 2  # pixels a frame that the bright square moves


def moving_square(frames: int, *, height: int = 48, width: int = 64, seed: int = 0) -> NDArray[np.uint8]:
    """uint8 (frames, H, W, 3): a bright square that moves right over a grey that differs by seed."""
    video = np.full((frames, height, width, 3), 40 + 10 * (seed % 8), np.uint8)
    for t in range(frames):
        x = (t * ARM_STEP) % (width - 8)
        video[t, height // 2 - 4 : height // 2 + 4, x : x + 8] = (230, 120, 30)
    return video


def write_video(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    *,
    codec: str = "mpeg4",
    pixels: str = "yuv420p",
    rate: int = 25,
    stamps: Sequence[int] | None = None,
    aspect: Fraction | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Encodes frames (H, W, 3), or (H, W, 4) with transparency, into a container that fits the path's ending.

    `stamps` are when they are shown, in milliseconds; `aspect` is how many times as wide as high a pixel is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = None
        for i, frame in enumerate(frames):
            if stream is None:
                stream = container.add_stream(codec, rate=rate, options=options or {})
                stream.height, stream.width = frame.shape[:2]
                stream.pix_fmt = pixels
                stream.bit_rate = 2_000_000
                if stamps is not None:
                    stream.codec_context.time_base = Fraction(1, 1000)
                if aspect is not None:
                    stream.codec_context.sample_aspect_ratio = aspect
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24" if frame.shape[2] == 3 else "rgba")
            if stamps is not None:
                picture.pts, picture.time_base = stamps[i], Fraction(1, 1000)
            container.mux(stream.encode(picture))
        if stream is not None:
            container.mux(stream.encode())
    return path


def lossless(
    path: Path, frames: NDArray[np.uint8], *, stamps: Sequence[int] | None = None, aspect: Fraction | None = None
) -> Path:
    """The frames bit for bit, in FFV1 (the path must end in .mkv or .avi)."""
    return write_video(path, frames, codec="ffv1", pixels="bgr0", stamps=stamps, aspect=aspect)


def write_gif(path: Path, frames: NDArray[np.uint8], *, hundredths: Sequence[int] | None = None) -> Path:
    """An animation of 25 frames a second, or with frames that begin at so many hundredths of a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("gif", rate=25)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "rgb8"
        stream.codec_context.time_base = Fraction(1, 100)
        for i, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="rgb8")
            picture.pts, picture.time_base = hundredths[i] if hundredths is not None else 4 * i, Fraction(1, 100)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def folder_of_videos(
    root: Path, classes: Sequence[str] = ("jump", "wave"), performers: int = 3, frames: int = 24
) -> Path:
    """root/<class>/performer_<n>.avi, each of 64 x 48 pixels."""
    for c, label in enumerate(classes):
        for n in range(performers):
            write_video(root / label / f"performer_{n}.avi", moving_square(frames, seed=10 * c + n))
    return root


def fake_interpreter(path: Path, body: str) -> Path:
    """An executable that stands for the estimator's Python: it ignores its arguments and runs `body` instead."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{body}")
    path.chmod(0o755)
    return path


# Speaks the worker's protocol. Finds the centre of the picture ("middle", always visible) and a point right of it whose
# visibility falls from frame to frame ("left_hand"); finds nobody in each video's frame number 2. It is shown every
# video twice, and finds the mirror image the second time.
FAKE_WORKER = """
import json, sys
names = ["middle", "left_hand", "right_hand"]
print(json.dumps({"protocol": 1, "estimator": "fake 1", "keypoints": names}), flush=True)
shows = 0
while header := sys.stdin.buffer.readline():
    video = json.loads(header)
    h, w = video["height"], video["width"]
    for i in range(video["frames"]):
        assert len(sys.stdin.buffer.read(h * w * 3)) == h * w * 3
        x, y = (w - 1) / 2, (h - 1) / 2
        seen = [1 - 0.13 * i, 0.9] if shows % 2 == 0 else [0.9, 1 - 0.13 * i]
        points = [[x, y, 1.0], [x + w / 6, y, seen[0]], [x - w / 6, y, seen[1]]]
        print(json.dumps(None if i == 2 else points), flush=True)
    shows += 1
"""
