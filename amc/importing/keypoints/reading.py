"""Reads a keypoint table, or the files of a pose estimator, and checks names, frames and coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amc.errors import UserError
from amc.importing.keypoints.coco import is_coco, read_coco
from amc.importing.keypoints.csv_file import read_csv
from amc.importing.keypoints.deeplabcut import is_deeplabcut, read_deeplabcut
from amc.importing.keypoints.numbers import parse_json
from amc.importing.keypoints.openpose import OPENPOSE_FILE, read_openpose
from amc.importing.keypoints.other_formats import refuse_binary, refuse_json
from amc.importing.keypoints.table import FARTHEST, MOST_FRAMES, KeypointTable, VideoKeypoints

_ENOUGH = 8  # coordinates of a video that tell their unit


def read_table(path: Path, names: Sequence[str] | None = None) -> KeypointTable:
    """Reads and checks a keypoint table, COCO's annotations, or a folder of files that a pose estimator wrote.

    Args:
        path: the file, or the folder.
        names: names of the points, instead of those in the file.

    Raises:
        UserError: the file is missing, has no names, or differs from the format; the message gives the line.
    """
    given = tuple(names) if names is not None else None
    try:
        if path.is_dir():
            return _checked(path, _read_folder(path, given))
        return _checked(path, _read_file(path, path.read_bytes(), given))
    except OSError as error:
        raise UserError(f"{path}: cannot read the keypoint table: {error.strerror or error}") from error


def _read_file(path: Path, data: bytes, names: tuple[str, ...] | None) -> KeypointTable:
    refuse_binary(path, data)
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        try:
            content = parse_json(data)
        except (ValueError, RecursionError):
            content = None
        if not is_coco(content):
            raise refuse_json(path, content)
        return _sound(path, read_coco(path, content), names)
    if is_deeplabcut(data):
        return _sound(path, read_deeplabcut(path, data), names)
    return _sound(path, read_csv(path, data, names), names)


def _sound(path: Path, table: KeypointTable, names: tuple[str, ...] | None) -> KeypointTable:
    """The table with the given names and rows sorted by frame; every format passes through here.

    Raises:
        UserError: names are not distinct, or frames or coordinates are not what `VideoKeypoints` says.
    """
    if names is not None and len(names) != len(table.names):
        raise UserError(f"{path}: {len(names)} keypoint names for {len(table.names)} points: {', '.join(table.names)}")
    names = names or table.names
    if not all(names) or len(set(names)) < len(names):
        raise UserError(f"{path}: the points are named {', '.join(map(repr, names))}: give each a name of its own")
    videos = {video: _sound_rows(path, video, names, rows) for video, rows in table.videos.items()}
    return replace(table, names=names, videos=videos)


def _sound_rows(path: Path, video: str, names: Sequence[str], rows: VideoKeypoints) -> VideoKeypoints:
    order = np.argsort(rows.frame, kind="stable")
    frame, points, confidence = rows.frame[order], rows.points[order], rows.confidence[order]
    outside = frame[(frame < 0) | (frame >= MOST_FRAMES)]
    if outside.size:
        raise UserError(f"{path}: {video} has a frame {outside[0]}: count frames from 0, up to {MOST_FRAMES - 1}")
    repeated = frame[1:][frame[1:] == frame[:-1]]
    if repeated.size:
        raise UserError(f"{path}: two rows for frame {repeated[0]} of {video}: keep one")
    absent = np.isnan(points)
    wrong = (absent[..., 0] != absent[..., 1]) | (np.abs(points) > FARTHEST).any(axis=2)
    if wrong.any():
        row, point = np.argwhere(wrong)[0]
        x, y = points[row, point]
        raise UserError(
            f"{path}: frame {frame[row]} of {video}: {names[point]} is at ({x:g}, {y:g}): give x and y in pixels, at "
            f"most {FARTHEST:,.0f}, or neither if the point was not found"
        )
    if np.isinf(confidence).any():
        infinite = frame[np.isinf(confidence)][0]
        raise UserError(f"{path}: frame {infinite} of {video}: the confidence is infinite: give a number from 0 to 1")
    return replace(rows, frame=frame, points=points, confidence=confidence)


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
    tables += [_sound(path, read_openpose(video, files), names) for video, files in frames.items()]
    tables = [table for table in tables if table.names]
    if not tables:
        raise UserError(f"{path}: no keypoints in this folder; it must have CSV files, or OpenPose's *_keypoints.json")
    others = [table for table in tables if table.names != tables[0].names]
    if others:
        one, other = next(iter(tables[0].videos), "?"), next(iter(others[0].videos), "?")
        raise UserError(f"{path}: {one} and {other} have different points; keep files of one model")
    videos: dict[str, VideoKeypoints] = {}
    for table in tables:
        if both := sorted(videos.keys() & table.videos.keys()):
            raise UserError(f"{path}: two files have points of {both[0]}: keep one of them in this folder")
        videos.update(table.videos)
    return KeypointTable(tables[0].names, videos, remarks=tuple(dict.fromkeys(r for t in tables for r in t.remarks)))


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
