"""Where an importer gets keypoints from: a table that the user supplies, or the pose estimator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from amc.errors import UserError
from amc.importing.keypoint_table import KeypointTable, VideoKeypoints, read_table
from amc.importing.pose.estimator import PoseEstimator, estimate_video, find_interpreter
from amc.importing.video.decoding import VideoFacts


class KeypointSource(Protocol):
    """Finds the same k points in every video of an import."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the points."""

    @property
    def description(self) -> str:
        """What the points depend on besides the video; stored in the clip file."""

    def unknown_videos(self, known: Sequence[str]) -> list[str]:
        """Names of videos that the source has points for, but that are not known, sorted."""

    def find(
        self, name: str, path: Path, facts: VideoFacts, progress: Callable[[int], None] | None = None
    ) -> VideoKeypoints | None:
        """The points in a video; None if the source has none.

        Args:
            name: path relative to the imported folder.
            path: the file.
            facts: properties of the video.
            progress: called with the number of frames done.

        Raises:
            UserError: the source failed.
        """


@contextmanager
def keypoint_source(table: Path | None, names: Sequence[str] | None) -> Iterator[KeypointSource]:
    """Yields the given table, or else the pose estimator, which runs until the block ends.

    Args:
        table: a keypoint table.
        names: names for its points, instead of those in the table.

    Raises:
        UserError: an invalid table, names without a table, or no estimator.
    """
    if table is not None:
        yield _TableSource(read_table(table, names))
        return
    if names is not None:
        raise UserError("--keypoint-names requires --keypoints TABLE.csv: the pose estimator has its own names")
    with PoseEstimator(find_interpreter()) as estimator:
        yield _EstimatorSource(estimator)


@dataclass(frozen=True)
class _TableSource:
    table: KeypointTable
    description: str = "keypoint table"

    @property
    def names(self) -> tuple[str, ...]:
        return self.table.names

    def unknown_videos(self, known: Sequence[str]) -> list[str]:
        return sorted(set(self.table.videos).difference(name.strip() for name in known))

    def find(
        self, name: str, path: Path, facts: VideoFacts, progress: Callable[[int], None] | None = None
    ) -> VideoKeypoints | None:
        return self.table.videos.get(name.strip())  # a table's cells are stripped


@dataclass(frozen=True)
class _EstimatorSource:
    estimator: PoseEstimator

    @property
    def names(self) -> tuple[str, ...]:
        return self.estimator.names

    @property
    def description(self) -> str:
        return f"{self.estimator.identity}; confirmed by the mirror image"

    def unknown_videos(self, known: Sequence[str]) -> list[str]:
        return []

    def find(
        self, name: str, path: Path, facts: VideoFacts, progress: Callable[[int], None] | None = None
    ) -> VideoKeypoints | None:
        return estimate_video(self.estimator, path, facts, progress)
