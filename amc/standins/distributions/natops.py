"""The NATOPS stand-in laid out as the real data set is distributed, so that its importer has something to import.

    PROCEDURAL.txt                     says what this is and what made it
    data/gesture01/g01s01.avi          320 x 240, 20 frames a second: all repetitions by subject 1, with pauses
    data/gesture01/g01s01m.avi, …d.avi where the body is, and a depth of two steps (of the first gesture only)
    segmentation.txt                   which frames of them are a repetition
    keypoints.csv                      the joints of all frames, as `amc.importing.keypoint_table` has them

Films appear one by one when they are complete, and are kept when the same command runs again; `segmentation.txt`
appears last, and without it nothing is imported.
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
from amc.errors import UserError
from amc.importing.keypoint_table import VideoKeypoints, write_rows
from amc.importing.natops.segmentation import REPETITIONS, Segment, write_segmentation
from amc.importing.procedural_marker import mark_procedural
from amc.processes import cores, parallel_map
from amc.progress import Progress
from amc.standins.body.gestures import GESTURES
from amc.standins.body.recording import HEIGHT, RATE, WIDTH, Recording, footage, recordings
from amc.standins.body.subjects import SUBJECTS
from amc.standins.registry import NATOPS

KEYPOINTS = "keypoints.csv"
SEGMENTATION = "segmentation.txt"
CLIPS_A_RECORDING = 1  # that `prepare natops` makes
SHORT = 32  # frames that a clip needs; fewer are dropped from the real data

# MPEG-4's quantiser: 2 is the finest, about 4 kB a frame and 2 grey levels off in the mean.
_FINE, _COARSE = 2, 12
_BITS = 50_000_000  # a second; so many that the quantiser alone decides
_CONVERSION = (
    Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.BITEXACT
)
_TOLD = "These films are a procedural stand-in for NATOPS: drawn bodies, nobody was recorded."
_AGAIN = "run the command again, films that are complete are kept"
_WITH_MASK_AND_DEPTH = 1  # gesture


def write_distribution(
    folder: Path,
    *,
    clips: int,
    classes: int | None,
    seed: int = 0,
    progress: Progress | None = None,
    workers: int | None = None,
) -> str:
    """Write the distribution; run again after an interruption it completes what is there.

    Args:
        folder: new, empty, or begun with the same settings.
        clips: repetitions in all, at most 20 of a gesture by a subject.
        classes: the first so many gestures; None for all 24.
        seed: of subjects and repetitions.
        progress: called with (repetitions done, all).
        workers: processes; None for one a core. The files are the same.

    Returns:
        A summary of a few lines.

    Raises:
        UserError: sizes that make no data set, a folder that holds something else, or that cannot be written.
    """
    count = len(GESTURES) if classes is None else classes
    if not 2 <= count <= len(GESTURES):
        raise UserError(f"{count} classes: the stand-in has 2 to {len(GESTURES)}")
    most = count * SUBJECTS * REPETITIONS
    if not 1 <= clips <= most:
        raise UserError(
            f"{clips} clips: {count} gestures have 1 to {most}, {REPETITIONS} by each of {SUBJECTS} subjects"
        )
    if seed < 0:
        raise UserError(f"seed {seed}: it must not be negative")
    folder = Path(folder).expanduser().absolute()
    planned = recordings(clips, count, seed)
    segments: list[Segment] = []

    def filmed() -> Iterator[tuple[str, VideoKeypoints]]:
        make = partial(_make, folder)
        with closing(parallel_map(make, planned, cores() if workers is None else workers, advice=_AGAIN)) as made:
            for each in made:
                segments.extend(each.segments)
                yield each.video, each.keypoints
                if progress is not None:
                    progress(len(segments), clips)

    # Asked for first and made last, so that one process writes here, and half of it is not taken for all.
    try:
        with creating(folder / SEGMENTATION) as segmentation:
            mark_procedural(folder, "natops", _TOLD, _recipe(clips=clips, classes=count, seed=seed))
            with creating(folder / KEYPOINTS) as table:
                write_rows(table, KEYPOINT_NAMES, filmed())
            write_segmentation(segmentation, segments)
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror or error}") from error
    return _summary(folder, planned, segments)


@dataclass(frozen=True)
class _WrittenVideo:
    """What the table and the segmentation say of one film; `video` is its path below the folder."""

    video: str
    keypoints: VideoKeypoints
    segments: tuple[Segment, ...]


def _make(folder: Path, recording: Recording) -> _WrittenVideo:
    """The files of one film, where they are not there yet."""
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
    """Encodes a film; it appears when it is complete, and one that is there is kept."""
    if path.is_file():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Exclusive, because this process's parent holds the folder's lock.
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


def _recipe(*, clips: int, classes: int, seed: int) -> dict[str, Any]:
    return {
        "tool": "amc.standins.distributions.natops",
        "version": NATOPS.version,
        "arguments": {"clips": clips, "classes": classes, "seed": seed},
    }


def _summary(folder: Path, planned: tuple[Recording, ...], segments: list[Segment]) -> str:
    gestures, subjects = len({r.gesture for r in planned}), len({r.subject for r in planned})
    short = sum(segment.frames < SHORT for segment in segments)
    mean = float(np.mean([segment.frames for segment in segments]))
    return (
        f"{folder}: {len(segments)} repetitions of {gestures} gestures by {subjects} subjects in {len(planned)} films, "
        "origin=procedural\n"
        f"  a repetition has {mean:.1f} frames in the mean; {short} have fewer than {SHORT} and will be dropped\n"
        f"  next: {sys.executable} -m amc.data prepare natops {quote(str(folder))} "
        f"--keypoints {quote(str(folder / KEYPOINTS))} --out natops.h5"
    )
