"""Clips of the sources of a study: trained runs, trials of a study, or folders of videos named alike."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from amc.errors import UserError
from amc.importing.video.decoding import DecodeError, read_frames

CHECKPOINT = "checkpoint.safetensors"
TEST_CLIPS = "test_clips.npz"
VIDEOS = frozenset({".avi", ".gif", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".webp"})


class ClipSource(Protocol):
    """Clips by the name of their condition."""

    @property
    def origin(self) -> str:
        """Where the clips come from, without parent folders."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the conditions, sorted."""

    def frames(self, name: str) -> NDArray[np.uint8]:
        """The clip of a condition, (T, H, W, 3).

        Raises:
            UserError: the clip cannot be read.
        """


@dataclass(frozen=True)
class VideoFolder:
    """A folder of videos; the stem of a file's name is its condition."""

    folder: Path
    files: Mapping[str, Path]

    @classmethod
    def open(cls, folder: Path) -> VideoFolder:
        """Lists the videos.

        Raises:
            UserError: the folder cannot be read or has no videos, or two videos have the same stem.
        """
        try:
            paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in VIDEOS and path.name[0] != ".")
        except OSError as error:
            raise UserError(f"cannot read the folder {folder}: {error.strerror}") from error
        if not paths:
            raise UserError(
                f"{folder} has no videos ({', '.join(sorted(VIDEOS))}) and no {CHECKPOINT} of a trained run"
            )
        files: dict[str, Path] = {}
        for path in paths:
            if path.stem in files:
                raise UserError(f"{files[path.stem]} and {path.name} have the same name: keep one of them")
            files[path.stem] = path
        return cls(folder, files)

    @property
    def origin(self) -> str:
        """Name of the folder."""
        return self.folder.resolve().name

    @property
    def names(self) -> tuple[str, ...]:
        """The stems."""
        return tuple(self.files)

    def frames(self, name: str) -> NDArray[np.uint8]:
        """Decodes a video."""
        path = self.files[name]
        try:
            return np.stack(list(read_frames(path)))
        except DecodeError as error:
            raise UserError(f"{path}: {error}; replace the video") from error


@dataclass(frozen=True)
class GeneratedClips:
    """Clips that `python -m amc generate --test-clips` wrote: those of the method or the real ones."""

    origin: str
    clips: Mapping[str, NDArray[np.uint8]] = field(repr=False)
    labels: Mapping[str, str]
    class_names: tuple[str, ...]
    dataset: str

    @property
    def names(self) -> tuple[str, ...]:
        """Numbers of the test clips."""
        return tuple(self.clips)

    def frames(self, name: str) -> NDArray[np.uint8]:
        """The clip of a condition."""
        return self.clips[name]


@dataclass(frozen=True)
class GeneratedFile:
    """What the file of generated clips holds. Runs with equal `conditions` generate clips under the same conditions."""

    method: GeneratedClips
    truth: GeneratedClips
    # Fingerprint of the data, classes, clips, and the clips that the velocities come from.
    conditions: tuple[str, tuple[str, ...], tuple[int, ...], tuple[int, ...]]


def checkpoint_folder(path: Path, runs: Path) -> Path | None:
    """The folder with the checkpoint that a source names; None if it names a folder of something else.

    Args:
        path: output folder of `amc train`, or STUDY:TRIAL.
        runs: folder of the studies.

    Raises:
        UserError: there is nothing there, or the trial's checkpoint has been deleted.
    """
    if path.is_dir():
        return path if (path / CHECKPOINT).is_file() else None
    study, colon, trial = str(path).partition(":")
    if not colon:
        raise UserError(f"{path}: no such folder; give a folder, or a trial as STUDY:TRIAL")
    folder = runs / study / "checkpoints" / trial
    attempts = [one for one in folder.glob("attempt-*") if (one / CHECKPOINT).is_file()]
    if not attempts:
        raise UserError(
            f"{path}: no checkpoint in {folder}; a study keeps those of its best trials and confirming runs"
        )
    return max(attempts, key=lambda one: int(one.name.removeprefix("attempt-")))


def generate(run: Path, data: Path | None, count: int, seed: int, scratch: Path) -> GeneratedFile:
    """Generates clips with a trained run, in a process of its own.

    Raises:
        UserError: the run's clips cannot be generated.
    """
    command = [sys.executable, "-m", "amc", "generate", str(run), "--test-clips", str(count), "--seed", str(seed)]
    command += ["--out", str(scratch), *(["--data", str(data)] if data else [])]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise UserError(f"cannot generate clips with {run}: {lines[-1].removeprefix('error: ')}")
    return _read_generated(scratch / TEST_CLIPS, run.name)


def _read_generated(path: Path, origin: str) -> GeneratedFile:
    with np.load(path, allow_pickle=False) as content:
        numbers = [int(clip) for clip in content["clip"]]
        names = [f"{number:06d}" for number in numbers]
        classes = tuple(str(name) for name in content["class_names"])
        labels = {name: classes[label] for name, label in zip(names, content["label"], strict=True)}
        dataset = str(content["dataset"])
        method, truth = (
            GeneratedClips(where, dict(zip(names, content[array], strict=True)), labels, classes, dataset)
            for where, array in ((origin, "generated"), ("test split", "truth"))
        )
        velocities = tuple(int(clip) for clip in content["velocity_of"])
        return GeneratedFile(method, truth, (str(content["fingerprint"]), classes, tuple(numbers), velocities))


def read_classes(path: Path) -> dict[str, str]:
    """Reads a CSV file with the columns `video` (name without suffix) and `class`.

    Raises:
        UserError: the file cannot be read or lacks a column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    if not rows or not {"video", "class"} <= set(rows[0]):
        raise UserError(f"{path} must have the columns video and class, and a row for each video")
    return {
        Path(row["video"]).stem if Path(row["video"]).suffix.lower() in VIDEOS else row["video"]: row["class"]
        for row in rows
    }
