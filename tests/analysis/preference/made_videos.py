"""Folders of small lossless videos, and studies made from them."""

from __future__ import annotations

import csv
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from analysis.preference.create import Request, create
from analysis.preference.design import Design

CLASSES = ("nod", "shake", "wave")


def clip(source: int, condition: int, frames: int = 4, size: int = 16) -> NDArray[np.uint8]:
    """A smooth clip (T, H, W, 3) that differs between sources and conditions."""
    t, y, x = np.mgrid[:frames, :size, :size]
    wave = 128 + 50 * np.sin(x / 4 + condition + t / 2) + 50 * np.cos(y / 5 + source)
    return np.repeat(wave[..., None], 3, axis=-1).astype(np.uint8)


def write_video(path: Path, frames: NDArray[np.uint8]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "bgr0"
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def write_folders(root: Path, names: tuple[str, ...], conditions: int) -> dict[str, Path]:
    """Folders of videos `000.mkv`, …, one for each name, and the classes in classes.csv."""
    folders = {}
    for source, name in enumerate(names):
        folders[name] = root / name
        folders[name].mkdir(parents=True)
        for condition in range(conditions):
            write_video(folders[name] / f"{condition:03d}.mkv", clip(source, condition))
    with (root / "classes.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["video", "class"])
        writer.writerows([f"{condition:03d}", CLASSES[condition % 3]] for condition in range(conditions))
    return folders


def made_study(
    root: Path,
    methods: tuple[str, ...] = ("amc", "cdna"),
    conditions: int = 6,
    raters: int = 4,
    labels: str = "shown",
    naming: bool = False,
    seed: int = 0,
) -> tuple[Path, Design]:
    """A study of videos in folders under `root`; returns its folder and design."""
    folders = write_folders(root / "videos", (*methods, "real"), conditions)
    request = Request(
        sources=[(name, folders[name]) for name in methods],
        truth=str(folders["real"]),
        conditions=conditions,
        raters=raters,
        naming=naming,
        labels=labels,
        seed=seed,
        classes={f"{i:03d}": CLASSES[i % 3] for i in range(conditions)},
        data=None,
        runs=root,
    )
    return root / "study", create(request, root / "study")
