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

What spreadsheets and other programs change is read, too, and said: other separators, decimal commas, UTF-16 and
Windows-1252, padding, capitals, backslashes in paths, columns `head_x` and `head_y` instead of numbers, and `nan` or
(0, 0) or (-1, -1) for a point that was not found. Coordinates of a whole table from 0 to 1 are shares of the frame's
width and height.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from amc.errors import UserError
from amc.importing.file_names import printable
from amc.importing.keypoints.columns import Columns, columns_of_axis, is_known
from amc.importing.keypoints.numbers import Numbers
from amc.importing.keypoints.table import MOST_FRAMES, KeypointTable, VideoKeypoints, parse_names
from amc.importing.keypoints.table_text import TableText, table_text

_NAMES_LINE = re.compile(r"#\s*keypoints\s*:\s*(?P<names>.*)", re.IGNORECASE)


def read_csv(path: Path, data: bytes, names: tuple[str, ...] | None) -> KeypointTable:
    """Parses a keypoint table.

    Args:
        path: for messages.
        data: content of the file.
        names: names of the points, instead of those in the file.

    Raises:
        UserError: the file differs from the format; the message gives the line.
    """
    try:
        return _read(path, table_text(data, is_known), names)
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
        writer.writerow(["video", "frame", *columns_of_axis("x", k), *columns_of_axis("y", k), "confidence"])
        for video, rows in videos:
            if rows.points.shape != (len(rows.frame), k, 2):
                raise ValueError(f"{video}: points {rows.points.shape} do not fit {len(rows.frame)} rows of {k} points")
            for frame, points, confidence in zip(rows.frame, rows.points, rows.confidence, strict=True):
                cells = [_cell(value) for value in points.T.reshape(-1)]
                writer.writerow([video, int(frame), *cells, _cell(confidence)])


def _cell(value: float) -> str:
    return "" if math.isnan(value) else repr(float(value))


def _read(path: Path, text: TableText, names: tuple[str, ...] | None) -> KeypointTable:
    if not text.header:
        raise UserError(f"{path}: the keypoint table is empty")
    columns = Columns.of(path, text)
    names = names or _names(path, text) or columns.names
    if names is None:
        raise UserError(
            f"{path}: its {columns.k} points have no names; add a first line '# keypoints: a,b,…' or give "
            "--keypoint-names"
        )
    if len(names) != columns.k:
        raise UserError(
            f"{path}: {len(names)} keypoint names for {columns.k} points (columns x_0 to x_{columns.k - 1})"
        )
    rows: dict[str, dict[int, tuple[NDArray[np.float64], float]]] = {}
    numbers, slashes = Numbers(), False
    named: set[int] = set()
    for line, cells in text.rows():
        where = f"{path}, line {line}"
        if len(cells) != len(text.header):
            raise UserError(f"{where}: {len(cells)} cells under {len(text.header)} columns")
        named.update(i for i in columns.unnamed if cells[i])
        row = {name: cells[i] for name, i in columns.at.items()}
        if not row["video"]:
            raise UserError(f"{where}: the cell under 'video' is empty")
        if "\\" in row["video"] and "/" not in row["video"]:
            row["video"], slashes = row["video"].replace("\\", "/"), True
        # Importers list files by their printable names, too.
        video, frame = printable(str(PurePosixPath(row["video"]))), _frame(where, row["frame"])
        seen = rows.setdefault(video, {})
        if frame in seen:
            raise UserError(f"{where}: a second row for frame {frame} of {video}")
        confidence = row.get("confidence", "")
        seen[frame] = (
            _points(where, row, columns.k, numbers),
            numbers.parse(where, "confidence", confidence) if confidence else math.nan,
        )
    numbers.check()
    remarks = [*text.remarks, *(["decimal commas"] if numbers.comma else [])]
    remarks += ["backslashes in paths read as slashes"] if slashes else []
    remarks += [f"columns without a name ignored: {', '.join(str(i + 1) for i in sorted(named))}"] if named else []
    remarks += [f"columns not used: {', '.join(columns.unused)}"] if columns.unused else []
    videos = {video: _video(seen) for video, seen in rows.items()}
    return KeypointTable(names, videos, remarks=tuple(remarks))


def _names(path: Path, text: TableText) -> tuple[str, ...] | None:
    """The points' names if a comment has them."""
    names = None
    for line, comment in text.comments:
        if match := _NAMES_LINE.fullmatch(comment):
            try:
                names = parse_names(re.sub("[;\t]", ",", match["names"]))
            except UserError as error:
                raise UserError(f"{path}, line {line}: {error}") from error
    return names


def _frame(where: str, text: str) -> int:
    if re.fullmatch(r"-[0-9]+", text):
        raise UserError(f"{where}: frame {text} is negative; frames count from 0")
    whole = re.sub(r"[.,]0*$", "", text)
    if not re.fullmatch(r"[0-9]{1,10}", whole) or int(whole) >= MOST_FRAMES:
        raise UserError(f"{where}: frame {text!r} is not a whole number of at least 0")
    return int(whole)


def _points(where: str, row: Mapping[str, str], k: int, numbers: Numbers) -> NDArray[np.float64]:
    points = np.full((k, 2), np.nan)
    for i in range(k):
        x, y = row[f"x_{i}"], row[f"y_{i}"]
        if bool(x) != bool(y):
            raise UserError(
                f"{where}: only one of x_{i} and y_{i} is given; leave both empty if the point is not valid"
            )
        if x:
            points[i] = numbers.parse(where, f"x_{i}", x), numbers.parse(where, f"y_{i}", y)
    return points


def _video(seen: Mapping[int, tuple[NDArray[np.float64], float]]) -> VideoKeypoints:
    frames = sorted(seen)
    return VideoKeypoints(
        frame=np.array(frames, dtype=np.int64),
        points=np.stack([seen[f][0] for f in frames]),
        confidence=np.array([seen[f][1] for f in frames]),
    )
