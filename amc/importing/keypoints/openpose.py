"""Reads OpenPose's JSON files (doc/02_output.md of its repository).

A file is a frame, `<video>_<frame in 12 digits>_keypoints.json`; each person has `pose_keypoints_2d` = x, y and
confidence of each point.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from amc.errors import UserError
from amc.importing.keypoints.numbers import parse_json
from amc.importing.keypoints.table import KeypointTable, VideoKeypoints

OPENPOSE_FILE = re.compile(r"(?P<video>.+)_(?P<frame>\d{12})_keypoints\.json")
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


def read_openpose(video: str, files: Sequence[tuple[int, Path]]) -> KeypointTable:
    """Points of one video from its files by frame; of several people, those of the greatest sum of confidence.

    Raises:
        UserError: a file differs from the format.
    """
    names: tuple[str, ...] = ()
    frames, points, confidence, crowded = [], [], [], 0
    for frame, path in sorted(files):
        try:
            people: list[Any] = parse_json(path.read_bytes())["people"]
            bodies = [np.array(person["pose_keypoints_2d"], dtype=np.float64).reshape(-1, 3) for person in people]
        except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            raise UserError(f"{path}: not an OpenPose body keypoint file ({error})") from error
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
    rows = VideoKeypoints(
        np.array(frames, dtype=np.int64), np.array(points, dtype=np.float64).reshape(shape), np.array(confidence)
    )
    remarks = ["read as OpenPose output"]
    remarks += [f"{crowded} frames have several people, of whom the clearest is used"] if crowded else []
    return KeypointTable(names, {video: rows}, remarks=tuple(remarks))
