"""Reading the CSV of OpenFace's `FeatureExtraction`: 68 landmarks and action unit intensities, a row a frame.

Columns (names may have spaces around them): `frame` from 1, `face_id` (older builds lack it), `timestamp`,
`confidence` 0-1, `success` 0 or 1, `x_0` … `x_67`, `y_0` … `y_67` in pixels, and where asked for `AU01_r` … in 0-5.
Others are not read. A row that makes no sense is left out and counted; its frame then has no landmarks.
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
from amc.importing.keypoint_table import FARTHEST

MIN_CONFIDENCE = 0.7
STRONGEST = 5.0  # the end of OpenFace's intensity scale
MOST_FRAMES = 10**6
MOST_BYTES = 64 * 2**20  # far beyond any take: not such a table

_REQUIRED = ("frame", "confidence", "success")
_UNIT = re.compile(r"AU(\d{2})_r")


class BadTable(Exception):
    """A file that is no table of OpenFace's; the message is the reason, without the file's name."""


@dataclass(frozen=True)
class Face:
    """One face through a take of n frames.

    Attributes:
        landmarks: float64 (n, 68, 2) as (x, y) in pixels, NaN where there are none.
        units: action unit -> intensity 0-5, float64 (n,), NaN where there is none.
        rows: the last frame that the table has a row for, from 1, as it counts.
        oddities: kind -> what was left out or chosen, for the summary.
    """

    landmarks: NDArray[np.float64]
    units: Mapping[int, NDArray[np.float64]] = field(default_factory=dict)
    rows: int = 0
    oddities: Mapping[str, str] = field(default_factory=dict)

    @property
    def found(self) -> NDArray[np.bool_]:
        """bool (n,): frames with any landmark."""
        return np.asarray(~np.isnan(self.landmarks).all(axis=(1, 2)), dtype=np.bool_)


@dataclass(frozen=True)
class _Row:
    frame: int  # from 1
    face: str
    confidence: float
    good: bool
    points: NDArray[np.float64]  # (68, 2)
    units: tuple[float, ...]


def read_face(path: Path, frames: int, min_confidence: float = MIN_CONFIDENCE) -> Face:
    """The face in a take of so many frames.

    Where a frame shows several faces, one is followed through the take: the `face_id` with the greatest sum of
    confidence; without that column, in each frame the row with the greatest confidence.

    Args:
        path: the CSV file.
        frames: n.
        min_confidence: rows below it count as failures, as do those with `success` 0.

    Raises:
        BadTable: the file is no such table, or none of its rows can be used.
    """
    header, body = _parsed(path)
    at = _columns(header)
    units = {int(match[1]): i for i, name in enumerate(header) if (match := _UNIT.fullmatch(name))}
    rows: list[_Row] = []
    damaged: list[str] = []
    for line, cells in body:
        row = _row(cells, len(header), at, list(units.values()), min_confidence)
        if isinstance(row, str):
            damaged.append(f"line {line}: {row}")
        else:
            rows.append(row)
    if not rows:
        raise BadTable(f"no usable row{f' ({damaged[0]})' if damaged else ''}")
    oddities = {}
    if damaged:
        oddities["damaged rows"] = f"{len(damaged)} damaged rows left out ({damaged[0]})"
    kept, choice = _one_face(rows)
    if choice:
        oddities["several rows a frame"] = choice
    landmarks = np.full((frames, LANDMARKS, 2), np.nan)
    strength = {unit: np.full(frames, np.nan) for unit in units}
    for row in kept:
        if row.good and row.frame <= frames:
            landmarks[row.frame - 1] = row.points
            for unit, value in zip(units, row.units, strict=True):
                strength[unit][row.frame - 1] = value
    return Face(landmarks, strength, max(row.frame for row in rows), oddities)


def _parsed(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Column names, and the cells of each line that is not empty, with its number."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadTable("too large to be a take's table")
        text = path.read_bytes().decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        lines = [(reader.line_num, [c.strip() for c in cells]) for cells in reader if any(c.strip() for c in cells)]
    except OSError as error:
        raise BadTable(f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise BadTable("it is not UTF-8 text") from error
    except csv.Error as error:
        raise BadTable(f"it is not CSV: {error}") from error
    if not lines:
        raise BadTable("it is empty")
    return lines[0][1], lines[1:]


def _columns(header: Sequence[str]) -> Mapping[str, int]:
    """Where the columns are that are read; all of them are there, once."""
    count = Counter(header)
    needed = [*_REQUIRED, *(f"{axis}_{i}" for axis in "xy" for i in range(LANDMARKS))]
    missing = [name for name in needed if name not in count]
    if missing:
        raise BadTable(f"no column {missing[0]!r} (FeatureExtraction writes it with -2Dfp -aus)")
    twice = [name for name in header if count[name] > 1 and (name in needed or _UNIT.fullmatch(name))]
    if twice:
        raise BadTable(f"two columns {twice[0]!r}")
    return {name: i for i, name in enumerate(header)}


def _row(
    cells: Sequence[str], width: int, at: Mapping[str, int], units: Sequence[int], min_confidence: float
) -> _Row | str:
    """A row, or what is wrong with it."""
    if len(cells) != width:
        return f"{len(cells)} cells under {width} columns"
    number, confidence, success = (_number(cells[at[name]]) for name in _REQUIRED)
    if not (number == number // 1 and 1 <= number <= MOST_FRAMES):
        return f"frame {cells[at['frame']][:20]!r} is no whole number from 1"
    if not 0 <= confidence <= 1:
        return f"confidence {cells[at['confidence']][:20]!r} is not in 0-1"
    if success not in (0, 1):
        return f"success {cells[at['success']][:20]!r} is not 0 or 1"
    good = success == 1 and confidence >= min_confidence
    points = np.zeros((LANDMARKS, 2))
    strength: tuple[float, ...] = (math.nan,) * len(units)
    if good:
        points = np.array([[_number(cells[at[f"{axis}_{i}"]]) for axis in "xy"] for i in range(LANDMARKS)])
        if not (np.abs(points) <= FARTHEST).all():
            return "a landmark is no number that it could be"
        strength = tuple(_number(cells[i]) for i in units)
        if not all(0 <= value <= STRONGEST for value in strength):
            return "an action unit's intensity is not in 0-5"
    face = cells[at["face_id"]] if "face_id" in at else ""
    return _Row(int(number), face, confidence, good, points, strength)


def _number(text: str) -> float:
    """A finite number, else NaN."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    # float() also takes digits grouped by underscores.
    return value if math.isfinite(value) and "_" not in text else math.nan


def _one_face(rows: Sequence[_Row]) -> tuple[list[_Row], str]:
    """At most one row a frame, and what was chosen where there were more."""
    trust: dict[str, float] = {}
    for row in rows:
        trust[row.face] = trust.get(row.face, 0.0) + (row.confidence if row.good else 0.0)
    face = max(trust, key=lambda name: trust[name])
    best: dict[int, _Row] = {}
    repeated = 0
    for row in rows:
        if row.face != face:
            continue
        other = best.get(row.frame)
        repeated += other is not None
        if other is None or (row.good, row.confidence) > (other.good, other.confidence):
            best[row.frame] = row
    said = [f"{len(trust)} faces, followed is face_id {face}"] if len(trust) > 1 else []
    said += [f"{repeated} repeated rows, kept the most confident"] if repeated else []
    return [best[frame] for frame in sorted(best)], "; ".join(said)
