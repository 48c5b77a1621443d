"""Where the joints in the videos of NATOPS come from: a keypoint table or the pose estimator.

NATOPS is distributed with 2D joints in `precomputed_features.zip`, whose layout is not documented publicly. A reader
for it would be another class that implements `JointSource`, selected in `joint_source`; nothing else has to change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from amc.data.datasets.natops import KEYPOINT_NAMES
from amc.errors import UserError
from amc.importing.keypoint_source import keypoint_source
from amc.importing.keypoints.reading import read_table
from amc.importing.keypoints.table import VideoKeypoints, pixels_only
from amc.importing.natops.source_files import NatopsVideo, identity
from amc.importing.problems import Problems

CHEST = KEYPOINT_NAMES.index("chest")


class JointSource(Protocol):
    """Provides the nine joints of videos, in the order of `KEYPOINT_NAMES`, without decoding them."""

    @property
    def description(self) -> str:
        """What the joints depend on besides the video; stored in the clip file."""

    def of(self, video: NatopsVideo) -> VideoKeypoints | None:
        """Joints of a video in pixels of its RGB frames, with frames counted from 0; None if there are none."""


@dataclass(frozen=True)
class EstimatorJoints:
    """The pose estimator finds the joints when a video is decoded."""

    description: str
    columns: tuple[int, ...]  # index of each joint among the estimator's points


@dataclass(frozen=True)
class TableJoints:
    """Joints from a keypoint table, by gesture and subject."""

    rows: Mapping[tuple[int, int], VideoKeypoints]
    columns: tuple[int, ...]  # index of each joint among the table's points
    description: str = "keypoint table"

    def of(self, video: NatopsVideo) -> VideoKeypoints | None:
        rows = self.rows.get((video.gesture, video.subject))
        return rows and replace(rows, points=rows.points[:, list(self.columns)])


def joint_source(
    table: Path | None, videos: Sequence[NatopsVideo], problems: Problems
) -> JointSource | EstimatorJoints:
    """Reads the given table, or else checks that the pose estimator works.

    The table's videos are matched by file name, whatever folder they are in.

    Raises:
        UserError: an invalid table, a table with other points, or no working estimator.
    """
    if table is None:
        with keypoint_source(None, None) as source:
            return EstimatorJoints(source.description, columns(source.names, source.description))
    read = pixels_only(table, read_table(table))
    chosen = columns(read.names, str(table))
    rows: dict[tuple[int, int], VideoKeypoints] = {}
    known = {(video.gesture, video.subject) for video in videos}
    unknown = []
    for name in sorted(read.videos):
        key = identity(name)
        if key is None or key not in known:
            unknown.append(name)
        elif key in rows:
            raise UserError(f"{table}: two videos of gesture {key[0]} and subject {key[1]}; remove one of them")
        else:
            rows[key] = read.videos[name]
    if unknown:
        problems.note(
            "videos only in the table",
            str(table),
            f"{len(unknown)} of its videos are not in the folder: {', '.join(unknown)}",
        )
    return TableJoints(rows, chosen)


def columns(names: Sequence[str], where: str) -> tuple[int, ...]:
    """Index of each joint among the names.

    Raises:
        UserError: the names are not the joints' names.
    """
    if sorted(names) != sorted(KEYPOINT_NAMES):
        raise UserError(
            f"{where}: its points are {', '.join(names)}; the points must be, in any order, {', '.join(KEYPOINT_NAMES)}"
        )
    return tuple(names.index(name) for name in KEYPOINT_NAMES)
