"""Where an importer gets keypoints from: a table that the user supplies, or the pose estimator."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Protocol

from amc.errors import UserError
from amc.importing.keypoints.reading import read_table
from amc.importing.keypoints.table import KeypointTable, VideoKeypoints
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

    @property
    def remarks(self) -> tuple[str, ...]:
        """How the points were read, where that is unusual."""

    def unknown_videos(self, known: Sequence[str]) -> list[str]:
        """Names of videos that the source has points for, but that are not known, sorted; called before `find`.

        Raises:
            UserError: the source has points of some videos, but of none that is known.
        """

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
        yield _TableSource(read_table(table, names), table)
        return
    if names is not None:
        raise UserError("--keypoint-names requires --keypoints TABLE.csv: the pose estimator has its own names")
    with PoseEstimator(find_interpreter()) as estimator:
        yield _EstimatorSource(estimator)


# How names in a table may differ from those of the files, in the order in which they are tried.
_SAME: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("", str.strip),  # a table's cells are stripped
    ("Unicode form", lambda name: unicodedata.normalize("NFC", name.strip())),
    ("case", lambda name: unicodedata.normalize("NFC", name.strip()).casefold()),
    ("the file extension", lambda name: unicodedata.normalize("NFC", str(PurePosixPath(name.strip()).with_suffix("")))),
    ("the folder", lambda name: unicodedata.normalize("NFC", PurePosixPath(name.strip()).name)),
    ("folder and file extension", lambda name: unicodedata.normalize("NFC", PurePosixPath(name.strip()).stem)),
)


@dataclass(frozen=True)
class _TableSource:
    table: KeypointTable
    file: Path
    description: str = "keypoint table"
    names_in_table: dict[str, str] = field(default_factory=dict)  # by known name
    differing: dict[str, int] = field(default_factory=dict)  # number of names by how they differ

    @property
    def names(self) -> tuple[str, ...]:
        return self.table.names

    @property
    def remarks(self) -> tuple[str, ...]:
        matched = [f"{count} names of videos match except for {how}" for how, count in self.differing.items()]
        return (*self.table.remarks, *matched)

    def unknown_videos(self, known: Sequence[str]) -> list[str]:
        names = self.names_in_table
        for how, form in _SAME:
            ours, theirs = (
                _unique(set(known) - set(names), form),
                _unique(set(self.table.videos) - set(names.values()), form),
            )
            found = {ours[key]: theirs[key] for key in ours.keys() & theirs.keys()}
            names |= found
            if how and found:
                self.differing[how] = len(found)
        if known and self.table.videos and not names:
            theirs_first, ours_first = min(self.table.videos), min(known)
            raise UserError(
                f"{self.file}: has no keypoints of the folder's videos: it names {theirs_first!r}, the folder has "
                f"{ours_first!r}. Name a video by its path in the folder, or by its file name alone if no other video "
                "has that name (a file of DeepLabCut is named after its video)"
            )
        return sorted(set(self.table.videos).difference(names.values()))

    def find(
        self, name: str, path: Path, facts: VideoFacts, progress: Callable[[int], None] | None = None
    ) -> VideoKeypoints | None:
        rows = self.table.videos.get(self.names_in_table.get(name, name))
        if rows is not None and rows.size not in (None, (facts.width, facts.height)):
            sizes = (
                f"{facts.width}x{facts.height} pixels, but the images of its keypoints {'x'.join(map(str, rows.size))}"
            )
            raise UserError(f"{name} has {sizes}: convert the keypoints to the size of the video")
        if rows is None or not self.table.shares:
            return rows
        # (0, 0) is the corner of the frame, and pixels are counted from their centres.
        return replace(rows, points=rows.points * (facts.width, facts.height) - 0.5)


def _unique(names: Iterable[str], form: Callable[[str], str]) -> dict[str, str]:
    """The names by their form, without those that share it."""
    forms: dict[str, list[str]] = {}
    for name in names:
        forms.setdefault(form(name), []).append(name)
    return {key: found[0] for key, found in forms.items() if len(found) == 1}


@dataclass(frozen=True)
class _EstimatorSource:
    estimator: PoseEstimator
    remarks: tuple[str, ...] = ()

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
