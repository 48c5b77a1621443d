"""Reads the CSV tables of OpenFace's `FeatureExtraction`: 68 landmarks and action unit intensities per frame.

Columns, whose names may have spaces around them: `frame` from 1, `face_id` (missing in older builds), `timestamp`,
`confidence` in [0, 1], `success` 0 or 1, `x_0` to `x_67` and `y_0` to `y_67` in pixels, and with `-aus` `AU01_r`, … in
[0, 5]. Other columns are ignored. Invalid rows are left out and counted; their frames have no landmarks.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amc.data.datasets.landmarks import LANDMARKS
from amc.importing.keypoints.table import FARTHEST

MIN_CONFIDENCE = 0.7
STRONGEST = 5.0  # maximum of OpenFace's intensity scale
MOST_FRAMES = 10**6
MOST_BYTES = 64 * 2**20  # far larger than the table of any take

_REQUIRED = ("frame", "confidence", "success")
_UNIT = re.compile(r"AU(\d{2})_r")


class LandmarksError(Exception):
    """The landmarks of a take cannot be obtained; the message is the reason."""


@dataclass(frozen=True)
class FaceTrack:
    """One face in the n frames of a take.

    Attributes:
        landmarks: float64 (n, 68, 2) as (x, y) in pixels, NaN where missing.
        units: intensity in [0, 5] by action unit, float64 (n,), NaN where missing.
        last_frame: the largest frame number in the table, counted from 1.
        oddities: messages for the summary about rows that were left out and faces that were selected, by kind.
    """

    landmarks: NDArray[np.float64]
    units: Mapping[int, NDArray[np.float64]] = field(default_factory=dict)
    last_frame: int = 0
    oddities: Mapping[str, str] = field(default_factory=dict)

    @property
    def found(self) -> NDArray[np.bool_]:
        """Frames with any landmark, bool (n,)."""
        return np.asarray(~np.isnan(self.landmarks).all(axis=(1, 2)), dtype=np.bool_)


@dataclass(frozen=True)
class _FaceRow:
    frame: int  # counted from 1
    face: str
    confidence: float
    good: bool
    points: NDArray[np.float64]  # (68, 2)
    units: tuple[float, ...]


def read_face(path: Path, frames: int, min_confidence: float = MIN_CONFIDENCE) -> FaceTrack:
    """Reads the face in a take.

    If frames have several faces, the `face_id` with the greatest sum of confidence is used for the whole take; without
    that column, the row with the greatest confidence of each frame.

    Args:
        path: the CSV file.
        frames: number of frames n of the take.
        min_confidence: rows with less confidence count as failures, like those with `success` 0.

    Raises:
        LandmarksError: the file is not a table of OpenFace, or has no usable row.
    """
    header, body = _parsed(path)
    at = _columns(header)
    units = {int(match[1]): i for i, name in enumerate(header) if (match := _UNIT.fullmatch(name))}
    rows: list[_FaceRow] = []
    damaged: list[str] = []
    for line, cells in body:
        row = _row(cells, len(header), at, list(units.values()), min_confidence)
        if isinstance(row, str):
            damaged.append(f"line {line}: {row}")
        else:
            rows.append(row)
    if not rows:
        raise LandmarksError(f"no usable row{f' ({damaged[0]})' if damaged else ''}")
    oddities = {}
    if damaged:
        oddities["damaged rows"] = f"{len(damaged)} damaged rows left out ({damaged[0]})"
    selected, message = _select_face(rows)
    if message:
        oddities["several rows per frame"] = message
    landmarks = np.full((frames, LANDMARKS, 2), np.nan)
    strength = {unit: np.full(frames, np.nan) for unit in units}
    for row in selected:
        if row.good and row.frame <= frames:
            landmarks[row.frame - 1] = row.points
            for unit, value in zip(units, row.units, strict=True):
                strength[unit][row.frame - 1] = value
    return FaceTrack(landmarks, strength, max(row.frame for row in rows), oddities)


def _parsed(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Column names, and the line number and cells of each line that is not empty."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise LandmarksError("too large for the table of a take")
        text = path.read_bytes().decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        lines = [(reader.line_num, [c.strip() for c in cells]) for cells in reader if any(c.strip() for c in cells)]
    except OSError as error:
        raise LandmarksError(f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise LandmarksError("not UTF-8 text") from error
    except csv.Error as error:
        raise LandmarksError(f"not CSV: {error}") from error
    if not lines:
        raise LandmarksError("empty")
    return lines[0][1], lines[1:]


def _columns(header: Sequence[str]) -> Mapping[str, int]:
    """Index of each column; checks that all required ones appear exactly once."""
    count = Counter(header)
    needed = [*_REQUIRED, *(f"{axis}_{i}" for axis in "xy" for i in range(LANDMARKS))]
    missing = [name for name in needed if name not in count]
    if missing:
        raise LandmarksError(f"no column {missing[0]!r} (FeatureExtraction writes it with -2Dfp -aus)")
    repeated = [name for name in header if count[name] > 1 and (name in needed or _UNIT.fullmatch(name))]
    if repeated:
        raise LandmarksError(f"column {repeated[0]!r} appears twice")
    return {name: i for i, name in enumerate(header)}


def _row(
    cells: Sequence[str], width: int, at: Mapping[str, int], units: Sequence[int], min_confidence: float
) -> _FaceRow | str:
    """Parses a row, or returns what is wrong with it."""
    if len(cells) != width:
        return f"{len(cells)} cells under {width} columns"
    number, confidence, success = (_number(cells[at[name]]) for name in _REQUIRED)
    if not (number == number // 1 and 1 <= number <= MOST_FRAMES):
        return f"frame {cells[at['frame']][:20]!r} is not a whole number of at least 1"
    if not 0 <= confidence <= 1:
        return f"confidence {cells[at['confidence']][:20]!r} is not in [0, 1]"
    if success not in (0, 1):
        return f"success {cells[at['success']][:20]!r} is not 0 or 1"
    good = success == 1 and confidence >= min_confidence
    points = np.zeros((LANDMARKS, 2))
    strength: tuple[float, ...] = (math.nan,) * len(units)
    if good:
        points = np.array([[_number(cells[at[f"{axis}_{i}"]]) for axis in "xy"] for i in range(LANDMARKS)])
        if not (np.abs(points) <= FARTHEST).all():
            return "a landmark is not a plausible number"
        strength = tuple(_number(cells[i]) for i in units)
        if not all(0 <= value <= STRONGEST for value in strength):
            return "an action unit's intensity is not in [0, 5]"
    face = cells[at["face_id"]] if "face_id" in at else ""
    return _FaceRow(int(number), face, confidence, good, points, strength)


def _number(text: str) -> float:
    """Parses a finite number; returns NaN for anything else."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    # float() also accepts underscores between digits.
    return value if math.isfinite(value) and "_" not in text else math.nan


def _select_face(rows: Sequence[_FaceRow]) -> tuple[list[_FaceRow], str]:
    """Selects at most one row per frame; the message says what was selected if there were more."""
    confidence: dict[str, float] = {}
    for row in rows:
        confidence[row.face] = confidence.get(row.face, 0.0) + (row.confidence if row.good else 0.0)
    face = max(confidence, key=lambda name: confidence[name])
    best: dict[int, _FaceRow] = {}
    repeated = 0
    for row in rows:
        if row.face != face:
            continue
        other = best.get(row.frame)
        repeated += other is not None
        if other is None or (row.good, row.confidence) > (other.good, other.confidence):
            best[row.frame] = row
    messages = [f"{len(confidence)} faces, used face_id {face}"] if len(confidence) > 1 else []
    messages += [f"{repeated} repeated rows, used the most confident"] if repeated else []
    return [best[frame] for frame in sorted(best)], "; ".join(messages)
