"""Where the joints in the videos of NATOPS come from: a keypoint table, or the pose estimator.

NATOPS is distributed with 2D joints in `precomputed_features.zip`, whose layout no public document gives. Whoever can
read it adds a class that is a `JointSource` here and chooses it in `joint_source`; nothing else has to change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from amc.data.datasets.natops import KEYPOINT_NAMES
from amc.errors import UserError
from amc.importing.keypoint_source import keypoint_source
from amc.importing.keypoint_table import VideoKeypoints, read_table
from amc.importing.natops.distribution import Film, identity
from amc.importing.problems import Problems

CHEST = KEYPOINT_NAMES.index("chest")


class JointSource(Protocol):
    """Knows the nine joints, in the order of `KEYPOINT_NAMES`, of videos that it need not see."""

    @property
    def description(self) -> str:
        """What the joints depend on beside the video, for the clip file."""

    def of(self, film: Film) -> VideoKeypoints | None:
        """The joints of a video in pixels of its RGB frames, frames counted from 0; None where there are none."""


@dataclass(frozen=True)
class Estimated:
    """Joints are found by the pose estimator, when the video is read: there is nothing to know before."""

    description: str
    columns: tuple[int, ...]  # of the estimator's points, for each joint


@dataclass(frozen=True)
class Tabled:
    """The joints of a keypoint table, by gesture and subject."""

    rows: Mapping[tuple[int, int], VideoKeypoints]
    columns: tuple[int, ...]  # of the table's points, for each joint
    description: str = "keypoint table"

    def of(self, film: Film) -> VideoKeypoints | None:
        rows = self.rows.get((film.gesture, film.subject))
        return rows and replace(rows, points=rows.points[:, list(self.columns)])


def joint_source(table: Path | None, films: Sequence[Film], problems: Problems) -> JointSource | Estimated:
    """The table where one is given, else the pose estimator.

    A video's rows are found by the name of its file, wherever that lies.

    Raises:
        UserError: a table that is none or has other points, or no estimator that works.
    """
    if table is None:
        with keypoint_source(None, None) as source:
            return Estimated(source.description, columns(source.names, source.description))
    read = read_table(table)
    chosen = columns(read.names, str(table))
    rows: dict[tuple[int, int], VideoKeypoints] = {}
    known = {(film.gesture, film.subject) for film in films}
    strangers = []
    for name in sorted(read.videos):
        key = identity(name)
        if key is None or key not in known:
            strangers.append(name)
        elif key in rows:
            raise UserError(f"{table}: two videos of gesture {key[0]} and subject {key[1]}; leave one of them out")
        else:
            rows[key] = read.videos[name]
    if strangers:
        problems.note(
            "videos only in the table",
            str(table),
            f"it has {len(strangers)} videos that are not there: {', '.join(strangers)}",
        )
    return Tabled(rows, chosen)


def columns(names: Sequence[str], where: str) -> tuple[int, ...]:
    """For each joint its place among the names.

    Raises:
        UserError: the names are not those of the joints.
    """
    if sorted(names) != sorted(KEYPOINT_NAMES):
        raise UserError(
            f"{where}: its points are {', '.join(names)}; needed are, in any order, {', '.join(KEYPOINT_NAMES)}"
        )
    return tuple(names.index(name) for name in KEYPOINT_NAMES)
