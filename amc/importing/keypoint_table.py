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
width and height. `amc.importing.other_keypoints` reads the files of pose estimators.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from amc.errors import UserError
from amc.importing.other_keypoints import (
    LEAST_LIKELIHOOD,
    OPENPOSE_FILE,
    OtherPoints,
    is_deeplabcut,
    read_deeplabcut,
    read_openpose,
    refuse_other_formats,
)
from amc.importing.table_text import TableText, table_text

# Pixels; larger than any frame, so a larger coordinate is an error.
FARTHEST = 1e6
MOST_FRAMES = 2**31
_ENOUGH = 8  # coordinates of a video that tell their unit

_KNOWN = re.compile(r"^(video|frame|[xy]_\d+|.+_[xy])$")
_NAMED = re.compile(r"(?P<name>.+)_(?P<axis>[xy]|z|likelihood|confidence|score|visibility|presence)")
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
    """Points in videos.

    Attributes:
        names: names of the k points.
        videos: the rows of each video by its path.
        shares: whether coordinates are shares of the frame's width and height instead of pixels.
        remarks: how the table was read where it differs from the format.
    """

    names: tuple[str, ...]
    videos: Mapping[str, VideoKeypoints]
    shares: bool = False
    remarks: tuple[str, ...] = ()


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
    """Reads and checks a keypoint table, or a folder of files that pose estimators wrote.

    Args:
        path: the CSV file, or the folder.
        names: names of the points, instead of those in the file.

    Raises:
        UserError: the file is missing, has no names, or differs from the format; the message gives the line.
    """
    given = tuple(names) if names is not None else None
    try:
        if path.is_dir():
            return _checked(path, _read_folder(path, given))
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot read the keypoint table: {error.strerror or error}") from error
    return _checked(path, _read_file(path, data, given))


def pixels_only(path: Path, table: KeypointTable) -> KeypointTable:
    """The table.

    Raises:
        UserError: its coordinates are shares of the frame's size.
    """
    if table.shares:
        raise UserError(f"{path}: coordinates from 0 to 1; multiply them by the frame's width and height in pixels")
    return table


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


def _read_file(path: Path, data: bytes, names: tuple[str, ...] | None) -> KeypointTable:
    refuse_other_formats(path, data)
    if is_deeplabcut(data):
        video, found = read_deeplabcut(path, data)
        remark = f"read as DeepLabCut's, without points whose likelihood is below {LEAST_LIKELIHOOD}"
        return KeypointTable(names or found.names, {video: _rows(found)}, remarks=(remark,))
    try:
        text = table_text(data, lambda cell: _KNOWN.search(_column(cell)) is not None)
        return _read(path, text, names)
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a keypoint table: not UTF-8 text") from error
    except csv.Error as error:
        raise UserError(f"{path}: not a keypoint table: {error}") from error


def _read_folder(path: Path, names: tuple[str, ...] | None) -> KeypointTable:
    """All CSV files and OpenPose files of a folder and its sub-folders, which say which class a video is in."""
    tables: list[KeypointTable] = []
    frames: dict[str, list[tuple[int, Path]]] = {}
    for file in sorted(path.rglob("*")):
        folder = file.relative_to(path).parent
        if match := OPENPOSE_FILE.fullmatch(file.name):
            frames.setdefault(str(folder / match["video"]), []).append((int(match["frame"]), file))
        elif file.suffix.lower() == ".csv":
            read = _read_file(file, file.read_bytes(), names)
            tables.append(replace(read, videos={str(folder / video): rows for video, rows in read.videos.items()}))
    for video, files in frames.items():
        found, crowded = read_openpose(files)
        remarks = ["read as OpenPose's"]
        remarks += [f"{crowded} frames have several people, of whom the clearest is used"] if crowded else []
        tables.append(KeypointTable(names or found.names, {video: _rows(found)}, remarks=tuple(remarks)))
    tables = [table for table in tables if table.names]
    if not tables:
        raise UserError(f"{path}: no keypoints in this folder; it must have CSV files, or OpenPose's *_keypoints.json")
    others = [table for table in tables if table.names != tables[0].names]
    if others:
        one, other = next(iter(tables[0].videos), "?"), next(iter(others[0].videos), "?")
        raise UserError(f"{path}: {one} and {other} have other points; keep files of one model")
    videos = {video: rows for table in tables for video, rows in table.videos.items()}
    return KeypointTable(tables[0].names, videos, remarks=tuple(dict.fromkeys(r for t in tables for r in t.remarks)))


def _rows(found: OtherPoints) -> VideoKeypoints:
    return VideoKeypoints(found.frame, found.points, found.confidence)


def _checked(path: Path, table: KeypointTable) -> KeypointTable:
    """The table with points that were not found as NaN, and whether its coordinates are shares of the frame's size."""
    videos, absent = {}, 0
    for video, rows in table.videos.items():
        nowhere = (rows.points == 0).all(axis=2) | (rows.points == -1).all(axis=2)
        absent += int(nowhere.sum())
        videos[video] = replace(rows, points=np.where(nowhere[..., None], np.nan, rows.points))
    verdicts = {video: _in_shares(rows.points) for video, rows in videos.items()}
    shares = [video for video, verdict in verdicts.items() if verdict]
    pixels = [video for video, verdict in verdicts.items() if verdict is False]
    if shares and pixels:
        raise UserError(f"{path}: {shares[0]} has coordinates from 0 to 1, but {pixels[0]} has pixels; use one")
    remarks = list(table.remarks)
    if absent:
        remarks.append(f"{absent} points at (0, 0) or (-1, -1) taken as not found")
    if shares:
        remarks.append("coordinates from 0 to 1 multiplied by the frame's width and height")
    return replace(table, videos=videos, shares=bool(shares), remarks=tuple(remarks))


def _in_shares(points: NDArray[np.float64]) -> bool | None:
    """Whether coordinates are shares of the frame's size; None if that cannot be told.

    Landmarks outside the frame are outside [0, 1], so not all need to be inside.
    """
    known = points[~np.isnan(points)]
    if known.size < _ENOUGH or (np.abs(known).max() <= 1 and (known == np.round(known)).all()):
        return None
    inside = float(((known >= 0) & (known <= 1)).mean())
    return bool(inside >= 0.5 and np.abs(known).max() < 5 and (known != np.round(known)).any())


def _read(path: Path, text: TableText, names: tuple[str, ...] | None) -> KeypointTable:
    if not text.header:
        raise UserError(f"{path}: the keypoint table is empty")
    columns = _Columns.of(path, text)
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
    numbers, slashes = _Numbers(), False
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
        video, frame = str(PurePosixPath(row["video"])), _frame(where, row["frame"])
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


def _column(name: str) -> str:
    """A column name in the form of this format: `X 0` and `x0` are `x_0`."""
    plain = re.sub(r"[ .-]+", "_", name.strip().lower())
    return re.sub(r"^([xy])(\d+)$", r"\1_\2", plain)


@dataclass(frozen=True)
class _Columns:
    """Which column is what.

    Attributes:
        at: index of each column of this format.
        k: number of points.
        names: names of the points if the columns have them.
        unnamed: indices of columns without a name, which spreadsheets and pandas add.
        unused: names of columns that are known and not used.
    """

    at: Mapping[str, int]
    k: int
    names: tuple[str, ...] | None
    unnamed: tuple[int, ...]
    unused: tuple[str, ...]

    @classmethod
    def of(cls, path: Path, text: TableText) -> _Columns:
        unnamed = tuple(i for i, name in enumerate(text.header) if re.fullmatch(r"(?i)(unnamed: \d+)?", name))
        header = {i: _column(name) for i, name in enumerate(text.header) if i not in unnamed}
        repeated = [text.header[i] for i, name in header.items() if list(header.values()).count(name) > 1]
        if repeated:
            raise UserError(f"{path}: column {repeated[0]!r} appears twice")
        names, unused = None, []
        if not any(re.fullmatch(r"x_\d+", name) for name in header.values()):
            ends = {
                match["name"]: i
                for i, name in header.items()
                if (match := _NAMED.fullmatch(name)) and match["axis"] == "x"
            }
            names = tuple(re.sub(r"[ _.-]x$", "", text.header[i], flags=re.IGNORECASE) for i in ends.values()) or None
            numbers = {name: number for number, name in enumerate(ends)}
            for i, name in list(header.items()):
                match = _NAMED.fullmatch(name)
                if match and match["name"] in numbers:
                    if match["axis"] in ("x", "y"):
                        header[i] = f"{match['axis']}_{numbers[match['name']]}"
                    else:
                        unused.append(text.header[i])
                        del header[i]
        known = list(header.values())
        k = sum(re.fullmatch(r"x_\d+", name) is not None for name in known)
        wanted = ["video", "frame", *_columns("x", max(k, 1)), *_columns("y", max(k, 1))]
        missing = [name for name in wanted if name not in known]
        if missing:
            raise UserError(f"{path}: no column {missing[0]!r} (a keypoint table has video, frame, x_0…, y_0…)")
        unknown = [text.header[i] for i, name in header.items() if name not in {*wanted, "confidence"}]
        if unknown:
            raise UserError(
                f"{path}: unknown column {unknown[0]!r}; known are video, frame, x_0…x_{k - 1}, y_0…y_{k - 1}, "
                "confidence"
            )
        return cls({name: i for i, name in header.items()}, k, names, unnamed, tuple(unused))


class _Numbers:
    """Parses the numbers of a table, all with decimal points or all with decimal commas."""

    def __init__(self) -> None:
        self.point = self.comma = ""  # the first number with it and its place
        self.thousands = True  # whether each comma is followed by three digits

    def parse(self, where: str, column: str, text: str) -> float:
        plain = text
        if re.fullmatch(r"[+-]?\d+,\d+(e[+-]?\d+)?", text, re.IGNORECASE):
            self.comma = self.comma or f"{where}: {column} is {text!r}"
            self.thousands &= re.search(r",\d{3}$", text) is not None
            plain = text.replace(",", ".")
        elif "." in text:
            self.point = self.point or f"{where}: {column} is {text!r}"
        try:
            value = float(plain)
        except ValueError:
            value = math.nan
        # float() also accepts underscores between digits.
        if not math.isfinite(value) or "_" in text or abs(value) > FARTHEST:
            raise UserError(f"{where}: {column} is {text!r}, which is not a plausible number")
        return value

    def check(self) -> None:
        """Checks that commas and points are not mixed."""
        if self.comma and self.point:
            raise UserError(f"{self.comma}, but {self.point.split(': ')[-1]} in another place: use decimal points")
        if self.comma and self.thousands:
            raise UserError(f"{self.comma}: a decimal comma or thousands? Use decimal points and no other separator")


def _frame(where: str, text: str) -> int:
    if re.fullmatch(r"-[0-9]+", text):
        raise UserError(f"{where}: frame {text} is negative; frames count from 0")
    whole = re.sub(r"[.,]0*$", "", text)
    if not re.fullmatch(r"[0-9]{1,10}", whole) or int(whole) >= MOST_FRAMES:
        raise UserError(f"{where}: frame {text!r} is not a whole number of at least 0")
    return int(whole)


def _points(where: str, row: Mapping[str, str], k: int, numbers: _Numbers) -> NDArray[np.float64]:
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
