"""Reads DeepLabCut's CSV files (https://deeplabcut.github.io, "Standard user guide").

A file has the points of one video. Its rows of column names are scorer, bodyparts and coords, and its name is that of
the video followed by the scorer.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np

from amc.errors import UserError
from amc.importing.keypoints.table import MOST_FRAMES, KeypointTable, VideoKeypoints
from amc.importing.keypoints.table_text import decoded

LEAST_LIKELIHOOD = 0.6  # DeepLabCut's default `pcutoff`


def is_deeplabcut(data: bytes) -> bool:
    """Whether a file is a CSV file of DeepLabCut."""
    try:
        head = decoded(data[:2000])[0]
    except UnicodeDecodeError:
        return False
    return re.match(r'"?scorer"?[,;\t]', head) is not None


def read_deeplabcut(path: Path, data: bytes) -> KeypointTable:
    """The points of one video, named without its ending; points with a likelihood below `LEAST_LIKELIHOOD` are NaN.

    Raises:
        UserError: the file differs from the format, or has several individuals.
    """
    try:
        text = decoded(data)[0]
        separator = text.lstrip('"')[6:].lstrip('"')[0]
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=separator) if any(cell.strip() for cell in row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: starts like a file of DeepLabCut, but is not CSV in UTF-8: {error}") from error
    heads = {row[0].strip().lower(): [cell.strip() for cell in row[1:]] for row in rows[:4]}
    if "bodyparts" not in heads or "coords" not in heads:
        raise UserError(f"{path}: starts like a file of DeepLabCut, but has no rows 'bodyparts' and 'coords'")
    if len(set(heads.get("individuals", ()))) > 1:
        raise UserError(f"{path}: several individuals; keep the columns of one of them")
    body = rows[3 + ("individuals" in heads) :]
    names = tuple(dict.fromkeys(heads["bodyparts"]))
    if not names or len(heads["bodyparts"]) != len(heads["coords"]):
        raise UserError(
            f"{path}: {len(heads['bodyparts'])} cells in row 'bodyparts' and {len(heads['coords'])} in row 'coords': "
            "each column of a body part needs both"
        )
    at = {pair: i for i, pair in enumerate(zip(heads["bodyparts"], heads["coords"], strict=True), start=1)}
    if len(at) < len(heads["coords"]):
        raise UserError(f"{path}: two columns have the same body part and coordinate; rename or remove one")
    try:
        frames = np.array([_frame(row[0]) for row in body], dtype=np.int64)
        values = np.array(
            [[[_float(row[at[name, kind]]) for kind in ("x", "y", "likelihood")] for name in names] for row in body]
        ).reshape(len(body), len(names), 3)
    except (ValueError, IndexError, KeyError) as error:
        raise UserError(
            f"{path}: not a DeepLabCut file: expected one row per frame with x, y and likelihood of each body part "
            f"({error})"
        ) from error
    points = np.where(values[..., 2:] >= LEAST_LIKELIHOOD, values[..., :2], np.nan)
    scorer = heads["scorer"][0] if heads.get("scorer") else ""
    ending = re.escape(scorer) if scorer else "DLC[_A-Za-z0-9]"
    video = re.split(ending, path.stem)[0].rstrip("_") or path.stem
    remark = f"read as a DeepLabCut file; points with a likelihood below {LEAST_LIKELIHOOD} are dropped"
    return KeypointTable(names, {video: VideoKeypoints(frames, points, values[..., 2].mean(axis=1))}, remarks=(remark,))


def _frame(text: str) -> int:
    frame = _float(text)
    if not frame.is_integer() or abs(frame) >= MOST_FRAMES:
        raise ValueError(f"frame {text!r} is not a whole number below {MOST_FRAMES}")
    return int(frame)


def _float(text: str) -> float:
    return float(text.replace(",", ".")) if text.strip() else float("nan")
