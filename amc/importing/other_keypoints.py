"""Reads keypoints as pose estimators write them: DeepLabCut's CSV files and OpenPose's JSON files.

DeepLabCut (https://deeplabcut.github.io, "Standard user guide") writes a CSV file a video, whose rows of column names
are scorer, bodyparts and coords, and whose name is that of the video followed by the scorer. OpenPose
(doc/02_output.md of its repository) writes a file a frame, `<video>_<frame in 12 digits>_keypoints.json`, with
`pose_keypoints_2d` = x, y and confidence of each point. Both are folders: `--keypoints FOLDER`.

Other formats are recognised and named, with what to do.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amc.errors import UserError
from amc.importing.table_text import decoded

LEAST_LIKELIHOOD = 0.6  # DeepLabCut's default `pcutoff`
OPENPOSE_FILE = re.compile(r"(?P<video>.+)_(?P<frame>\d{12})_keypoints\.json")

_TABLE = "a keypoint table with the columns video, frame, x_0…, y_0… (docs/data.md)"
_COCO_18 = (
    *("nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist"),
    *("right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle"),
    *("right_eye", "left_eye", "right_ear", "left_ear"),
)
_BODY_25 = (
    *(*_COCO_18[:8], "mid_hip", *_COCO_18[8:]),
    *("left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel"),
)
OPENPOSE_NAMES = {len(names): names for names in (_BODY_25, _COCO_18)}


@dataclass(frozen=True)
class OtherPoints:
    """Points of a video: names of the k points, frame int64 (r,), points (r, k, 2) and confidence (r,), NaN if none."""

    names: tuple[str, ...]
    frame: NDArray[np.int64]
    points: NDArray[np.float64]
    confidence: NDArray[np.float64]


def refuse_other_formats(path: Path, data: bytes) -> None:
    """Raises a `UserError` that says what to do if a file is no table but another known format."""
    if data.startswith(b"\x89HDF"):
        raise UserError(
            f"{path}: an HDF5 file. If DeepLabCut wrote it: deeplabcut.analyze_videos_converth5_to_csv(FOLDER) writes "
            "CSV files; give their folder as --keypoints"
        )
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise UserError(f"{path}: a spreadsheet of Excel or LibreOffice: save it as CSV and give that file")
    if data[:2] == b"\x80\x04" or path.suffix.lower() in (".pkl", ".pickle"):
        raise UserError(f"{path}: a pickle, which could run code and is not read; write {_TABLE}")
    if not data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        return
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        content = None
    first = content[0] if isinstance(content, list) and content else None
    if isinstance(content, dict) and "people" in content:
        raise UserError(
            f"{path}: one frame of OpenPose; give the folder with all of its files <video>_<frame>_keypoints.json"
        )
    if (isinstance(content, dict) and "annotations" in content) or (isinstance(first, dict) and "image_id" in first):
        raise UserError(
            f"{path}: keypoints of images in COCO's format, which does not say which video and frame an image is; "
            f"write {_TABLE}, where x_i and y_i are keypoints[3 * i] and keypoints[3 * i + 1] if keypoints[3 * i + 2] "
            "is above 0"
        )
    raise UserError(
        f"{path}: a JSON file, not a table; write {_TABLE}. For landmarks of MediaPipe, x and y from 0 to 1 are read"
    )


def is_deeplabcut(data: bytes) -> bool:
    """Whether a file is a CSV file of DeepLabCut."""
    try:
        head = decoded(data[:2000])[0]
    except UnicodeDecodeError:
        return False
    return re.match(r'"?scorer"?[,;\t]', head) is not None


def read_deeplabcut(path: Path, data: bytes) -> tuple[str, OtherPoints]:
    """The name of the video (without its ending) and its points, of which those below `LEAST_LIKELIHOOD` are NaN.

    Raises:
        UserError: the file differs from the format, or has several individuals.
    """
    text = decoded(data)[0]
    separator = text.lstrip('"')[6:].lstrip('"')[0]
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=separator) if any(cell.strip() for cell in row)]
    heads = {row[0].strip().lower(): [cell.strip() for cell in row[1:]] for row in rows[:4]}
    if "bodyparts" not in heads or "coords" not in heads:
        raise UserError(f"{path}: starts like a file of DeepLabCut, but has no rows 'bodyparts' and 'coords'")
    if len(set(heads.get("individuals", ()))) > 1:
        raise UserError(f"{path}: several individuals; keep the columns of one of them")
    body = rows[3 + ("individuals" in heads) :]
    names = tuple(dict.fromkeys(heads["bodyparts"]))
    at = {pair: i + 1 for i, pair in enumerate(zip(heads["bodyparts"], heads["coords"], strict=True))}
    try:
        frames = np.array([int(float(row[0].replace(",", "."))) for row in body], dtype=np.int64)
        values = np.array(
            [[[_float(row[at[name, kind]]) for kind in ("x", "y", "likelihood")] for name in names] for row in body]
        ).reshape(len(body), len(names), 3)
    except (ValueError, IndexError, KeyError) as error:
        raise UserError(
            f"{path}: not DeepLabCut's points of a video, a row a frame with x, y and likelihood of each body part "
            f"({error})"
        ) from error
    points = np.where(values[..., 2:] >= LEAST_LIKELIHOOD, values[..., :2], np.nan)
    scorer = heads["scorer"][0] if heads.get("scorer") else ""
    found = OtherPoints(names, frames, points, values[..., 2].mean(axis=1))
    ending = re.escape(scorer) if scorer else "DLC[_A-Za-z0-9]"
    return re.split(ending, path.stem)[0].rstrip("_") or path.stem, found


def _float(text: str) -> float:
    return float(text.replace(",", ".")) if text.strip() else float("nan")


def read_openpose(files: Sequence[tuple[int, Path]]) -> tuple[OtherPoints, int]:
    """Points of one video from its files by frame, and the number of frames with several people.

    Of several people it is the one whose points have the greatest sum of confidence.

    Raises:
        UserError: a file differs from the format.
    """
    names: tuple[str, ...] = ()
    frames, points, confidence, crowded = [], [], [], 0
    for frame, path in sorted(files):
        try:
            people: list[Any] = json.loads(path.read_bytes())["people"]
            bodies = [np.array(person["pose_keypoints_2d"], dtype=np.float64).reshape(-1, 3) for person in people]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise UserError(f"{path}: not a file of OpenPose's body keypoints ({error})") from error
        crowded += len(bodies) > 1
        if not bodies:
            continue
        best = max(bodies, key=lambda body: float(body[:, 2].sum()))
        found = OPENPOSE_NAMES.get(len(best))
        if found is None or (names and names != found):
            raise UserError(f"{path}: {len(best)} points; OpenPose's models BODY_25 and COCO have 25 and 18")
        names = found
        frames.append(frame)
        points.append(np.where(best[:, 2:] > 0, best[:, :2], np.nan))
        confidence.append(float(best[:, 2].mean()))
    shape = (len(frames), len(names), 2)
    return OtherPoints(
        names,
        np.array(frames, dtype=np.int64),
        np.array(points, dtype=np.float64).reshape(shape),
        np.array(confidence),
    ), crowded
