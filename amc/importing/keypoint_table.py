"""The keypoint table: k points in the frames of videos, found by any program, as a CSV file.

    # keypoints: head,left_wrist,right_wrist
    video,frame,x_0,x_1,x_2,y_0,y_1,y_2,confidence
    wave/anna_1.mp4,0,160.5,201,120.25,60,130.5,128,0.98
    wave/anna_1.mp4,1,160.5,,120.5,60.25,,128,0.91

A row is a frame. `video` is the path relative to the folder of videos, with forward slashes. `frame` counts from 0 in
presentation order, whatever the time stamps. `x_i` and `y_i` are pixels of the frame as it is shown (with square pixels
and upright: `amc.importing.video.decoding`); (0, 0) is the centre of the top-left pixel. A frame without a row has no
valid points, and a point with two empty cells is not valid in that frame. `confidence` is optional and not used:
the table contains only points that should be used. Columns may be in any order. Lines that start with `#` before the
column names are comments; the one above names the points. Points `left_…` and `right_…` form a pair that a mirror image
exchanges.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from amc.errors import UserError

# Pixels; larger than any frame, so a larger coordinate is an error.
FARTHEST = 1e6
MOST_FRAMES = 2**31

_NAMES_LINE = re.compile(r"#\s*keypoints\s*:\s*(?P<names>.*)", re.IGNORECASE)


@dataclass(frozen=True)
class VideoKeypoints:
    """The r rows of one video, sorted by frame.

    Attributes:
        frame: int64 (r,), distinct, from 0.
        points: float64 (r, k, 2) as (x, y) in pixels of the video frame; NaN where not valid.
        confidence: float64 (r,); NaN where not given.
    """

    frame: NDArray[np.int64]
    points: NDArray[np.float64]
    confidence: NDArray[np.float64]

    def over(self, frames: int) -> NDArray[np.float64]:
        """Points (frames, k, 2) of a video of that many frames, NaN where not valid; later rows are dropped."""
        dense = np.full((frames, *self.points.shape[1:]), np.nan)
        inside = self.frame < frames
        dense[self.frame[inside]] = self.points[inside]
        return dense


@dataclass(frozen=True)
class KeypointTable:
    """Names of the k points, and the rows of each video by its path."""

    names: tuple[str, ...]
    videos: Mapping[str, VideoKeypoints]


def parse_names(text: str) -> tuple[str, ...]:
    """Parses a list of names such as `head,left_wrist,right_wrist`.

    Raises:
        UserError: an empty or repeated name.
    """
    names = tuple(name.strip() for name in text.split(","))
    if not all(names) or len(set(names)) != len(names):
        raise UserError(f"keypoint names {text!r}: give distinct names separated by commas")
    return names


def left_right_pairs(names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Index pairs (left, right) of names that differ only in `left`/`right` or in a leading `l_`/`r_`."""
    at = {name.lower(): i for i, name in enumerate(names)}
    mirrored = {name: re.sub(r"^l_", "r_", name.replace("left", "right")) for name in at}
    return tuple(sorted((i, at[other]) for name, i in at.items() if (other := mirrored[name]) != name and other in at))


def read_table(path: Path, names: Sequence[str] | None = None) -> KeypointTable:
    """Reads and checks a keypoint table.

    Args:
        path: the CSV file (UTF-8).
        names: names of the points, instead of those in the file.

    Raises:
        UserError: the file is missing, has no names, or differs from the format; the message gives the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return _read(path, stream, tuple(names) if names is not None else None)
    except OSError as error:
        raise UserError(f"{path}: cannot read the keypoint table: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a keypoint table: not UTF-8 text") from error
    except csv.Error as error:
        raise UserError(f"{path}: not a keypoint table: {error}") from error


def write_table(path: Path, table: KeypointTable) -> None:
    """Writes a table that `read_table` reads back exactly. Videos are sorted; numbers keep all digits.

    Raises:
        ValueError: invalid names, or arrays whose shapes do not match.
    """
    write_rows(path, table.names, sorted(table.videos.items()))


def write_rows(path: Path, names: Sequence[str], videos: Iterable[tuple[str, VideoKeypoints]]) -> None:
    """Like `write_table`, from an iterable of distinct videos, of which one is in memory at a time.

    Raises:
        ValueError: invalid names, or arrays whose shapes do not match.
    """
    k = len(names)
    if parse_names(",".join(names)) != tuple(names) or any(re.search(r"[\r\n]", n) for n in names):
        raise ValueError(f"invalid keypoint names {names}")
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write(f"# keypoints: {','.join(names)}\n")
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["video", "frame", *_columns("x", k), *_columns("y", k), "confidence"])
        for video, rows in videos:
            if rows.points.shape != (len(rows.frame), k, 2):
                raise ValueError(f"{video}: points {rows.points.shape} do not fit {len(rows.frame)} rows of {k} points")
            for frame, points, confidence in zip(rows.frame, rows.points, rows.confidence, strict=True):
                cells = [_cell(value) for value in points.T.reshape(-1)]
                writer.writerow([video, int(frame), *cells, _cell(confidence)])


def _columns(axis: str, k: int) -> list[str]:
    return [f"{axis}_{i}" for i in range(k)]


def _cell(value: float) -> str:
    return "" if math.isnan(value) else repr(float(value))


def _read(path: Path, stream: TextIO, names: tuple[str, ...] | None) -> KeypointTable:
    header, skipped, found = _header(path, stream)
    if not header:
        raise UserError(f"{path}: the keypoint table is empty")
    k = _check_columns(path, header)
    names = names if names is not None else found
    if names is None:
        raise UserError(
            f"{path}: its {k} points have no names; add a first line '# keypoints: a,b,…' or give --keypoint-names"
        )
    if len(names) != k:
        raise UserError(f"{path}: {len(names)} keypoint names for {k} points (columns x_0 to x_{k - 1})")
    rows: dict[str, dict[int, tuple[NDArray[np.float64], float]]] = {}
    for line, cells in _rows(stream, skipped):
        where = f"{path}, line {line}"
        if len(cells) != len(header):
            raise UserError(f"{where}: {len(cells)} cells under {len(header)} columns")
        row = dict(zip(header, cells, strict=True))
        if not row["video"]:
            raise UserError(f"{where}: the cell under 'video' is empty")
        video, frame = str(PurePosixPath(row["video"])), _frame(where, row["frame"])
        seen = rows.setdefault(video, {})
        if frame in seen:
            raise UserError(f"{where}: a second row for frame {frame} of {video}")
        confidence = row.get("confidence", "")
        seen[frame] = (_points(where, row, k), _number(where, "confidence", confidence) if confidence else math.nan)
    return KeypointTable(names, {video: _video(seen) for video, seen in rows.items()})


def _header(path: Path, stream: TextIO) -> tuple[list[str], int, tuple[str, ...] | None]:
    """Column names, the number of their line, and the points' names if a comment has them."""
    names = None
    for line, text in enumerate(stream, start=1):
        comment = text.strip()
        if comment.startswith("#"):
            match = _NAMES_LINE.fullmatch(comment)
            try:
                names = parse_names(match["names"]) if match else names
            except UserError as error:
                raise UserError(f"{path}, line {line}: {error}") from error
        elif comment:
            return [cell.strip() for cell in next(csv.reader(io.StringIO(text)))], line, names
    return [], 0, names


def _rows(stream: TextIO, skipped: int) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(stream)
    for cells in reader:
        stripped = [cell.strip() for cell in cells]
        if any(stripped):
            yield skipped + reader.line_num, stripped


def _check_columns(path: Path, header: list[str]) -> int:
    """Checks the column names; returns k."""
    repeated = [name for name in header if header.count(name) > 1]
    if repeated:
        raise UserError(f"{path}: column {repeated[0]!r} appears twice")
    k = sum(re.fullmatch(r"x_\d+", name) is not None for name in header)
    wanted = ["video", "frame", *_columns("x", max(k, 1)), *_columns("y", max(k, 1))]
    missing = [name for name in wanted if name not in header]
    if missing:
        raise UserError(f"{path}: no column {missing[0]!r} (a keypoint table has video, frame, x_0…, y_0…)")
    unknown = [name for name in header if name not in {*wanted, "confidence"}]
    if unknown:
        raise UserError(
            f"{path}: unknown column {unknown[0]!r}; known are video, frame, x_0…x_{k - 1}, y_0…y_{k - 1}, confidence"
        )
    return k


def _frame(where: str, text: str) -> int:
    if re.fullmatch(r"-[0-9]+", text):
        raise UserError(f"{where}: frame {text} is negative; frames count from 0")
    if not re.fullmatch(r"[0-9]{1,10}", text) or int(text) >= MOST_FRAMES:
        raise UserError(f"{where}: frame {text!r} is not a whole number of at least 0")
    return int(text)


def _points(where: str, row: Mapping[str, str], k: int) -> NDArray[np.float64]:
    points = np.full((k, 2), np.nan)
    for i in range(k):
        x, y = row[f"x_{i}"], row[f"y_{i}"]
        if bool(x) != bool(y):
            raise UserError(
                f"{where}: only one of x_{i} and y_{i} is given; leave both empty if the point is not valid"
            )
        if x:
            points[i] = _number(where, f"x_{i}", x), _number(where, f"y_{i}", y)
    return points


def _number(where: str, column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    # float() also accepts underscores between digits.
    if not math.isfinite(value) or "_" in text or abs(value) > FARTHEST:
        raise UserError(f"{where}: {column} is {text!r}, which is not a plausible number")
    return value


def _video(seen: Mapping[int, tuple[NDArray[np.float64], float]]) -> VideoKeypoints:
    frames = sorted(seen)
    return VideoKeypoints(
        frame=np.array(frames, dtype=np.int64),
        points=np.stack([seen[f][0] for f in frames]),
        confidence=np.array([seen[f][1] for f in frames]),
    )
