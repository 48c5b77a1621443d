"""Writes the stand-in for NATOPS in the file layout of NATOPS, as input for its importer.

    PROCEDURAL.txt                     marks the folder as generated, with the settings
    data/gesture01/g01s01.avi          320 x 240 pixels, 20 frames per second: all repetitions by subject 1, with pauses
    data/gesture01/g01s01m.avi, …d.avi masks of the body, and depth with two values (for the first gesture only)
    segmentation.txt                   first and last frame of each repetition
    keypoints.csv                      joints of all frames, in the format of `amc.importing.keypoints.csv_file`

Each video appears when it is complete; rerun the same command to complete an interrupted run. `segmentation.txt`
appears last, and the importer needs it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any

import av
import av.error
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from amc.atomic import atomic_write
from amc.cache import creating
from amc.data.datasets.natops import KEYPOINT_NAMES
from amc.data.procedural_marker import mark_procedural
from amc.errors import UserError
from amc.importing.keypoints.csv_file import write_rows
from amc.importing.keypoints.table import VideoKeypoints
from amc.importing.natops.segmentation import MOST_SUBJECTS, REPETITIONS, Segment, write_segmentation
from amc.processes import cores, parallel_map
from amc.progress import Progress
from amc.standins.body.gestures import GESTURES
from amc.standins.body.recording import HEIGHT, RATE, WIDTH, Recording, footage, recordings
from amc.standins.body.subjects import SUBJECTS
from amc.standins.registry import NATOPS

KEYPOINTS = "keypoints.csv"
SEGMENTATION = "segmentation.txt"
CLIPS_PER_RECORDING = 1  # clips that `prepare natops` cuts from a repetition
MIN_FRAMES = 32  # of a clip; the importer drops shorter repetitions

# Quantiser of MPEG-4. At 2, the finest, a frame has about 4 kB and a mean error of 2 grey levels.
_FINE, _COARSE = 2, 12
_BITS = 50_000_000  # per second; high enough that only the quantiser limits quality
_CONVERSION = (
    Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.BITEXACT
)
_DESCRIPTION = "These videos are a procedural stand-in for NATOPS: drawn bodies, no recordings of people."
_ADVICE = "rerun the command; complete videos are kept"
_WITH_MASK_AND_DEPTH = 1  # gesture


def write_original_layout(
    folder: Path,
    *,
    clips: int,
    classes: int | None,
    subjects: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    workers: int | None = None,
) -> str:
    """Writes the files, or completes a run that was interrupted.

    Args:
        folder: a new or empty folder, or one that was started with the same settings.
        clips: total number of repetitions, at most 20 per gesture and subject.
        classes: number of gestures; None for all 24.
        subjects: number of subjects; None for 20, as in NATOPS.
        seed: random seed of subjects and repetitions.
        progress: called with (repetitions written, total).
        workers: worker processes; None for one per core. The files do not depend on it.

    Returns:
        A summary of a few lines.

    Raises:
        UserError: a number is out of range, or the folder has other content or cannot be written.
    """
    count = len(GESTURES) if classes is None else classes
    if not 2 <= count <= len(GESTURES):
        raise UserError(f"{count} classes: the stand-in for natops has 2 to {len(GESTURES)}")
    people = SUBJECTS if subjects is None else subjects
    if not 1 <= people <= MOST_SUBJECTS:
        raise UserError(f"{people} subjects: file names of NATOPS have room for 1 to {MOST_SUBJECTS}")
    most = count * people * REPETITIONS
    if not 1 <= clips <= most:
        raise UserError(
            f"{clips} clips: choose 1 to {most} ({count} gestures, {people} subjects, {REPETITIONS} repetitions)"
        )
    if seed < 0:
        raise UserError(f"seed {seed}: choose 0 or more")
    folder = Path(folder).expanduser().absolute()
    planned = recordings(clips, count, seed, people)
    segments: list[Segment] = []

    def recorded() -> Iterator[tuple[str, VideoKeypoints]]:
        make = partial(_make, folder)
        with closing(parallel_map(make, planned, cores() if workers is None else workers, advice=_ADVICE)) as made:
            for each in made:
                segments.extend(each.segments)
                yield each.video, each.keypoints
                if progress is not None:
                    progress(len(segments), clips)

    # Holding the lock of this file lets one process write the folder; writing it last marks the folder as complete.
    try:
        with creating(folder / SEGMENTATION) as segmentation:
            mark_procedural(
                folder, "natops", _DESCRIPTION, _recipe(clips=clips, classes=count, subjects=people, seed=seed)
            )
            with creating(folder / KEYPOINTS) as table:
                write_rows(table, KEYPOINT_NAMES, recorded())
            write_segmentation(segmentation, segments)
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror or error}") from error
    return _summary(folder, planned, segments)


@dataclass(frozen=True)
class _WrittenVideo:
    """Rows of the keypoint table and of the segmentation for one video; `video` is its path in the folder."""

    video: str
    keypoints: VideoKeypoints
    segments: tuple[Segment, ...]


def _make(folder: Path, recording: Recording) -> _WrittenVideo:
    """Writes the videos of one recording that are missing."""
    content = footage(recording)
    name = f"data/gesture{recording.gesture:02d}/g{recording.gesture:02d}s{recording.subject:02d}"
    if recording.gesture == _WITH_MASK_AND_DEPTH:
        _write(folder / f"{name}m.avi", (_grey(mask, 0, 255) for mask in content.masks()), _COARSE)
        _write(folder / f"{name}d.avi", (_grey(mask, 60, 160) for mask in content.masks()), _COARSE)
    _write(folder / f"{name}.avi", content.frames(), _FINE)
    points = content.points()
    return _WrittenVideo(
        f"{name}.avi",
        VideoKeypoints(np.arange(len(points)), points, np.full(len(points), np.nan)),
        tuple(
            Segment(recording.subject, recording.gesture, repetition, start, end)
            for repetition, (start, end) in enumerate(content.segments, start=1)
        ),
    )


def _grey(mask: NDArray[np.bool_], behind: int, body: int) -> NDArray[np.uint8]:
    return np.where(mask, np.uint8(body), np.uint8(behind))


def _write(path: Path, frames: Iterable[NDArray[np.uint8]], quantiser: int) -> None:
    """Encodes a video, unless it exists."""
    if path.is_file():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Exclusive, because the parent process holds the lock of the folder.
        with atomic_write(path, exclusive=True) as partial_path:
            _encode(partial_path, frames, quantiser)
    except (OSError, av.error.FFmpegError) as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


def _encode(path: Path, frames: Iterable[NDArray[np.uint8]], quantiser: int) -> None:
    reformatter = VideoReformatter()
    with av.open(str(path), "w", format="avi") as container:
        stream = container.add_stream("mpeg4", rate=RATE)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        coder = stream.codec_context
        coder.qmin = coder.qmax = quantiser
        coder.bit_rate = _BITS
        coder.thread_count = 1
        for picture in frames:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24" if picture.ndim == 3 else "gray")
            container.mux(stream.encode(reformatter.reformat(frame, format="yuv420p", interpolation=_CONVERSION)))
        container.mux(stream.encode())


def _recipe(*, clips: int, classes: int, subjects: int, seed: int) -> dict[str, Any]:
    return {
        "tool": "amc.standins.distributions.natops",  # a fixed name: changing it would change the written data
        "version": NATOPS.version,
        "arguments": {"clips": clips, "classes": classes, "subjects": subjects, "seed": seed},
    }


def _summary(folder: Path, planned: tuple[Recording, ...], segments: list[Segment]) -> str:
    gestures, subjects = len({r.gesture for r in planned}), len({r.subject for r in planned})
    short = sum(segment.frames < MIN_FRAMES for segment in segments)
    mean = float(np.mean([segment.frames for segment in segments]))
    return (
        f"{folder}: {len(segments)} repetitions of {gestures} gestures by {subjects} subjects "
        f"in {len(planned)} videos, origin=procedural\n"
        f"  repetitions have {mean:.1f} frames on average; {short} have fewer than {MIN_FRAMES} and will be dropped\n"
        f"  next: {sys.executable} -m amc.data prepare natops {quote(str(folder))} "
        f"--keypoints {quote(str(folder / KEYPOINTS))} --out natops.h5"
    )
