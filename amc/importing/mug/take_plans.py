"""Plans the clips of one take before any of its frames is read: its keypoints, crop and peak frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amc.data.datasets.landmarks import LANDMARKS
from amc.data.datasets.mug import KEYPOINT_LANDMARKS, KEYPOINT_NAMES
from amc.data.similarity import Similarity
from amc.importing.file_names import printable
from amc.importing.gap_filling import fill_gaps
from amc.importing.keypoints.table import VideoKeypoints
from amc.importing.mug.alignment import AlignmentError, alignment, frame_alignments
from amc.importing.mug.clip_variants import ClipVariant, span
from amc.importing.mug.openface.program import find_table, run_openface
from amc.importing.mug.openface.row_order import rows_of_frames
from amc.importing.mug.openface.table import FaceTrack, LandmarksError, read_face
from amc.importing.mug.peak_frames import PeakFrame, find_peak
from amc.importing.mug.source_files import MugTake


@dataclass(frozen=True)
class MugSettings:
    """How takes become clips.

    Attributes:
        frames: T.
        size: height and width of the clips in pixels.
        strides: strides to choose from.
        align: "clip" for one similarity per take, "frame" for one per frame.
        min_confidence: minimum confidence of OpenFace's rows.
        tables: folder with OpenFace's tables, or None.
        openface: OpenFace's program, or None.
    """

    frames: int
    size: int
    strides: tuple[int, ...]
    align: str
    min_confidence: float
    tables: Path | None
    openface: Path | None


@dataclass(frozen=True)
class RejectedTake:
    """A take that cannot be used, the kind of problem, and the details."""

    take: MugTake
    kind: str
    reason: str


@dataclass(frozen=True)
class TakePlan:
    """A take of n frames that can be used.

    Attributes:
        take: the take.
        points: float64 (n, 11, 2), keypoints in pixels of the frames, without NaN.
        valid: bool (n, 11).
        crops: one similarity for all frames, or one per frame.
        peak: the peak frame.
        oddities: messages for the summary about anything unusual, by kind.
    """

    take: MugTake
    points: NDArray[np.float64]
    valid: NDArray[np.bool_]
    crops: tuple[Similarity, ...]
    peak: PeakFrame
    oddities: Mapping[str, str] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """Number of frames n."""
        return len(self.points)

    def crop(self, frame: int) -> Similarity:
        """The crop of a frame."""
        return self.crops[frame if len(self.crops) > 1 else 0]


@dataclass(frozen=True)
class SelectedTake:
    """A take that can be used, its number in the clip file, and the variants to cut from it."""

    plan: TakePlan
    source: int
    variants: tuple[ClipVariant, ...]


@dataclass(frozen=True)
class TakeInput:
    """A take and, if a keypoint table replaces OpenFace, its rows with 68 or 11 points."""

    take: MugTake
    from_table: bool = False
    rows: VideoKeypoints | None = None


def plan_take(source: TakeInput, settings: MugSettings) -> TakePlan | RejectedTake:
    """Plans the clips of a take, or returns why it cannot be used."""
    take, length = source.take, len(source.take.names)
    needed = span(settings.frames, min(settings.strides))
    if length < needed:
        return RejectedTake(take, "takes too short", f"too short: {length} frames, at least {needed} needed")
    try:
        face = _from_rows(source.rows, length) if source.from_table else _from_openface(take, settings)
        if not face.found.any():
            return RejectedTake(take, "no face found", "the face was not found in any frame")
        points, valid = _keypoints(face)
        if settings.align == "frame":
            crops = tuple(frame_alignments(_fill_landmarks(face), face.found))
        else:
            crops = (alignment(face.landmarks, face.found),)
        peak = find_peak(face, take.label)
    except LandmarksError as error:
        return RejectedTake(take, "no landmarks", str(error))
    except AlignmentError as error:
        return RejectedTake(take, "faces that cannot be aligned", str(error))
    oddities = dict(face.oddities)
    if face.last_frame < length and not source.from_table:
        oddities["tables too short"] = f"the table ends at frame {face.last_frame} of {length}"
    if 1 / (crops[0].scale * settings.size) < 1:
        side = round(1 / crops[0].scale)
        oddities["enlarged faces"] = f"the crop has {side} px and is enlarged to {settings.size}"
    return TakePlan(take, points, valid, crops, peak, oddities)


def _from_rows(rows: VideoKeypoints | None, length: int) -> FaceTrack:
    """The face in rows of a keypoint table. With 11 points, the other landmarks remain unknown."""
    if rows is None:
        raise LandmarksError("not in the keypoint table")
    last = int(rows.frame[-1]) + 1
    if last > length:
        raise LandmarksError(
            f"the keypoint table continues to frame {last - 1}, but the take ends at frame {length - 1}"
        )
    points = rows.over(length)
    if points.shape[1] == LANDMARKS:
        return FaceTrack(points, last_frame=last)
    landmarks = np.full((length, LANDMARKS, 2), np.nan)
    landmarks[:, list(KEYPOINT_LANDMARKS)] = points
    return FaceTrack(landmarks, last_frame=last)


def _from_openface(take: MugTake, settings: MugSettings) -> FaceTrack:
    """The face in OpenFace's table, with its rows in the order of the frames' numbers."""
    table = find_table(take, settings.tables)
    # `run_openface` renames the frames, so the rows of its table are in the order of the frames' numbers.
    rows_in_order = table is None
    if table is None:
        if settings.openface is None:
            raise LandmarksError("no OpenFace table (run OpenFace, or give --openface, --openface-csv or --keypoints)")
        table = run_openface(settings.openface, take)
    try:
        face = read_face(table, len(take.names), settings.min_confidence)
    except LandmarksError as error:
        raise LandmarksError(f"{printable(table.name)}: {error}") from error
    if face.last_frame > len(take.names):
        raise LandmarksError(
            f"{printable(table.name)} continues to frame {face.last_frame}, but the take has {len(take.names)}"
        )
    rows = None if rows_in_order else rows_of_frames(take, face.landmarks)
    if rows is None:
        return face
    units = {unit: values[rows] for unit, values in face.units.items()}
    oddities = {**face.oddities, "tables in the order of names": "rows reordered by the frames' numbers"}
    return FaceTrack(face.landmarks[rows], units, face.last_frame, oddities)


def _keypoints(face: FaceTrack) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The paper's 11 keypoints in all frames, with gaps filled, and which of them are valid."""
    points = face.landmarks[:, list(KEYPOINT_LANDMARKS)]
    x, y = (float(np.nanmedian(face.landmarks[..., axis])) for axis in (0, 1))
    filled, valid = fill_gaps(points, (x, y))
    assert filled.shape[1] == len(KEYPOINT_NAMES)
    return filled, valid


def _fill_landmarks(face: FaceTrack) -> NDArray[np.float64]:
    """Landmarks, interpolated in frames without a face; NaN only for landmarks that are never known."""
    known = ~np.isnan(face.landmarks).all(axis=(0, 2))
    landmarks = face.landmarks.copy()
    landmarks[:, known], _ = fill_gaps(face.landmarks[:, known], (0.0, 0.0))
    return landmarks
