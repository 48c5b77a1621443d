"""What is made of one take, decided before any of its frames is read: its keypoints, its crop and its peak."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amc.data.datasets.landmarks import LANDMARKS
from amc.data.datasets.mug import KEYPOINT_LANDMARKS, KEYPOINT_NAMES
from amc.importing.gaps import fill_gaps
from amc.importing.keypoint_table import VideoKeypoints
from amc.importing.mug.alignment import Similarity, Unalignable, alignment, frame_alignments
from amc.importing.mug.clip_variants import STRIDES, span
from amc.importing.mug.distribution import Take, text
from amc.importing.mug.openface import find_table, run_openface
from amc.importing.mug.openface_table import BadTable, Face, read_face
from amc.importing.mug.peaks import Peak, find_peak
from amc.importing.mug.row_order import rows_of_frames


@dataclass(frozen=True)
class Settings:
    """How takes become clips.

    Attributes:
        frames: T.
        size: height and width of the clips, in pixels.
        strides: from which one is drawn.
        align: "clip" for one similarity a take, "frame" for one a frame.
        min_confidence: of rows of OpenFace's.
        tables: a folder with OpenFace's tables, or None.
        openface: the program, or None.
    """

    frames: int
    size: int
    strides: tuple[int, ...] = STRIDES
    align: str = "clip"
    min_confidence: float = 0.7
    tables: Path | None = None
    openface: Path | None = None


@dataclass(frozen=True)
class Refusal:
    """A take that cannot be used: the kind of problem, and what is wrong with this one."""

    take: Take
    kind: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """A take of n frames that can be used.

    Attributes:
        take: the take.
        points: float64 (n, 11, 2), keypoints in pixels of the frames, without NaN.
        valid: bool (n, 11).
        crops: one similarity for all frames, or one for each.
        peak: the peak frame.
        oddities: kind -> what is worth a line in the summary.
    """

    take: Take
    points: NDArray[np.float64]
    valid: NDArray[np.bool_]
    crops: tuple[Similarity, ...]
    peak: Peak
    oddities: Mapping[str, str] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """n."""
        return len(self.points)

    def crop(self, frame: int) -> Similarity:
        """The crop of a frame."""
        return self.crops[frame if len(self.crops) > 1 else 0]


@dataclass(frozen=True)
class Given:
    """A take and, where a keypoint table replaces OpenFace, its rows: (r, 68, 2) or (r, 11, 2)."""

    take: Take
    from_table: bool = False
    rows: VideoKeypoints | None = None


def plan(given: Given, settings: Settings) -> Plan | Refusal:
    """What is made of a take, or why nothing is."""
    take, length = given.take, len(given.take.names)
    needed = span(settings.frames, min(settings.strides))
    if length < needed:
        return Refusal(take, "takes too short", f"too short: {length} frames, needed are {needed}")
    try:
        face = _from_rows(given.rows, length) if given.from_table else _from_openface(take, settings)
        if not face.found.any():
            return Refusal(take, "no face found", "no frame in which the face was found")
        points, valid = _keypoints(face)
        if settings.align == "frame":
            crops = tuple(frame_alignments(_filled(face), face.found))
        else:
            crops = (alignment(face.landmarks, face.found),)
        peak = find_peak(face, take.label)
    except BadTable as error:
        return Refusal(take, "no landmarks", str(error))
    except Unalignable as error:
        return Refusal(take, "faces that cannot be aligned", str(error))
    oddities = dict(face.oddities)
    if face.rows < length and not given.from_table:
        oddities["tables too short"] = f"the table ends at frame {face.rows} of {length}"
    if 1 / (crops[0].scale * settings.size) < 1:
        side = round(1 / crops[0].scale)
        oddities["enlarged faces"] = f"the face's crop has {side} px and is enlarged to {settings.size}"
    return Plan(take, points, valid, crops, peak, oddities)


def _from_rows(rows: VideoKeypoints | None, length: int) -> Face:
    """The face of a keypoint table; only the paper's 11 landmarks are known where it has no more."""
    if rows is None:
        raise BadTable("not in the keypoint table")
    last = int(rows.frame[-1]) + 1
    if last > length:
        raise BadTable(f"the keypoint table goes on to frame {last - 1}, the take has {length} frames from 0")
    points = rows.over(length)
    if points.shape[1] == LANDMARKS:
        return Face(points, rows=last)
    landmarks = np.full((length, LANDMARKS, 2), np.nan)
    landmarks[:, list(KEYPOINT_LANDMARKS)] = points
    return Face(landmarks, rows=last)


def _from_openface(take: Take, settings: Settings) -> Face:
    table = find_table(take, settings.tables)
    staged = table is None and settings.openface is not None
    if table is None:
        if settings.openface is None:
            raise BadTable("no table of OpenFace's (run it, or give --openface, --openface-csv or --keypoints)")
        table = run_openface(settings.openface, take)
    try:
        face = read_face(table, len(take.names), settings.min_confidence)
    except BadTable as error:
        raise BadTable(f"{text(table.name)}: {error}") from error
    if face.rows > len(take.names):
        raise BadTable(f"{text(table.name)} goes on to frame {face.rows}, the take has {len(take.names)}")
    rows = None if staged else rows_of_frames(take, face.landmarks)
    if rows is None:
        return face
    units = {unit: values[rows] for unit, values in face.units.items()}
    oddities = {**face.oddities, "tables in the order of names": "rows put into the order of the frames' numbers"}
    return Face(face.landmarks[rows], units, face.rows, oddities)


def _keypoints(face: Face) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The paper's 11 in all frames, gaps filled, and which of them are valid."""
    points = face.landmarks[:, list(KEYPOINT_LANDMARKS)]
    x, y = (float(np.nanmedian(face.landmarks[..., axis])) for axis in (0, 1))
    filled, valid = fill_gaps(points, (x, y))
    assert filled.shape[1] == len(KEYPOINT_NAMES)
    return filled, valid


def _filled(face: Face) -> NDArray[np.float64]:
    """Landmarks with fillers in frames without a face; NaN only for landmarks that are never known."""
    known = ~np.isnan(face.landmarks).all(axis=(0, 2))
    landmarks = face.landmarks.copy()
    landmarks[:, known], _ = fill_gaps(face.landmarks[:, known], (0.0, 0.0))
    return landmarks
