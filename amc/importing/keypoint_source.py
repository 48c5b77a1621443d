"""Where an importer gets its keypoints: a table that somebody made, or the pose estimator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from amc.errors import UserError
from amc.importing.keypoint_table import KeypointTable, VideoKeypoints, read_table
from amc.importing.pose.pose import PoseEstimator, estimate_video, find_interpreter
from amc.importing.video.video import VideoFacts


class KeypointSource(Protocol):
    """Finds the same k points in any of the importer's videos."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the points."""

    @property
    def description(self) -> str:
        """What the points depend on beside the video, for the clip file."""

    def strangers(self, known: Sequence[str]) -> list[str]:
        """Videos that the source has points for, but that are not among the known ones; sorted."""

    def find(
        self, name: str, path: Path, facts: VideoFacts, progress: Callable[[int], None] | None = None
    ) -> VideoKeypoints | None:
        """The points in one video (by its name under the folder, and its path); None where the source has none.

        Raises:
            UserError: the source does not work.
        """


@contextmanager
def keypoint_source(table: Path | None, names: Sequence[str] | None) -> Iterator[KeypointSource]:
    """The table where one is given, else the pose estimator, running until the block ends.

    Args:
        table: a keypoint table.
        names: of its points, instead of its own.

    Raises:
        UserError: a table that is none, names without a table, or no estimator.
    """
    if table is not None:
        yield _Table(read_table(table, names))
        return
    if names is not None:
        raise UserError("--keypoint-names goes with --keypoints TABLE.csv: the pose estimator names its points itself")
    with PoseEstimator(find_interpreter()) as estimator:
        yield _Estimator(estimator)


@dataclass(frozen=True)
class _Table:
    table: KeypointTable
    description: str = "keypoint table"

    @property
    def names(self) -> tuple[str, ...]:
        return self.table.names

    def strangers(self, known: Sequence[str]) -> list[str]:
        return sorted(set(self.table.videos).difference(name.strip() for name in known))

    def find(
        self, name: str, path: Path, facts: VideoFacts, progress: Callable[[int], None] | None = None
    ) -> VideoKeypoints | None:
        return self.table.videos.get(name.strip())  # a table's cells have no space around them


@dataclass(frozen=True)
class _Estimator:
    estimator: PoseEstimator

    @property
    def names(self) -> tuple[str, ...]:
        return self.estimator.names

    @property
    def description(self) -> str:
        return f"{self.estimator.identity}; confirmed by the mirror image"

    def strangers(self, known: Sequence[str]) -> list[str]:
        return []

    def find(
        self, name: str, path: Path, facts: VideoFacts, progress: Callable[[int], None] | None = None
    ) -> VideoKeypoints | None:
        return estimate_video(self.estimator, path, facts, progress)
