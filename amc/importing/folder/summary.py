"""What `prepare folder` prints: clips, performers, the split that they allow, and everything that was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from amc.data.clipfile import Contents, check
from amc.data.procedural_marker import MARKER
from amc.data.splits import make_split
from amc.errors import UserError
from amc.importing.class_counts import ClassCounts
from amc.importing.folder.listing import ListedVideo
from amc.importing.folder.windows import WindowSettings
from amc.importing.problems import Problems

_LISTED = 12  # subjects or videos that a line names
_LEAST = 3  # subjects that a split by subject needs


def summary(
    out: Path,
    videos: Sequence[ListedVideo],
    settings: WindowSettings,
    problems: Problems,
    counts: ClassCounts,
    empty: int,
) -> str:
    """The summary of a clip file that was just written.

    Args:
        out: the file.
        videos: the videos in it.
        settings: how they were cut.
        problems: what was left out, and what is unusual.
        counts: videos and clips by class.
        empty: number of windows without a single valid keypoint.
    """
    contents = check(out)
    info = contents.info
    skipped = sum(problem.skipped for problem in problems.found)
    lines = [
        f"{out}: {info.name}, origin={info.origin}, fingerprint {info.fingerprint[:16]}",
        f"  {counts.clips.total()} clips of {settings.frames} frames, {settings.size}x{settings.size} px, from "
        f"{len(videos)} videos; {len(info.class_names)} classes, "
        f"{len({video.subject for video in videos} - {-1})} known subjects",
        f"  {len(info.keypoint_names)} keypoints from: {info.generator['arguments']['keypoints']}",
        *counts.table(info.class_names),
        *_performers(videos),
        f"  split: {_split(videos, contents)}",
    ]
    if info.origin == "procedural":
        lines.append(f"  procedural, not filmed ({MARKER} in the folder says so)")
    if empty:
        lines.append(f"  left out {empty} windows without a single valid keypoint")
    if skipped:
        lines.append(f"  left out {skipped} videos or folders")
    return "\n".join([*lines, *problems.lines()])


def _performers(videos: Sequence[ListedVideo]) -> list[str]:
    """A line for each pattern in the file names, with the performers that it gave."""
    lines = []
    for pattern in dict.fromkeys(video.pattern for video in videos if video.subject >= 0):
        own = [video for video in videos if video.pattern == pattern and video.subject >= 0]
        performers = Counter(video.performer for video in own)
        example = own[0]
        lines.append(
            f"  subjects named as '{pattern}': {_some(sorted(map(str, performers), key=_by_number))} "
            f"in {len(own)} videos, such as {example.performer} in {example.name}"
        )
    unknown = [video.name for video in videos if video.subject < 0]
    if unknown:
        lines.append(f"  no subject in the names of {len(unknown)} videos: {_some(unknown)}")
    return lines


def _split(videos: Sequence[ListedVideo], contents: Contents) -> str:
    """How the default rule splits the clips, and why if it is not by performer."""
    unknown = sum(video.subject < 0 for video in videos)
    known = len({video.subject for video in videos} - {-1})
    try:
        split = make_split(contents.label, contents.subject, contents.source_clip, seed=0)
    except UserError as error:
        return f"none ({error})"
    if split.by_subject:
        return "by subject, so that no subject is in both training and test"
    if unknown:
        why = (
            f"{unknown} of {len(videos)} videos have no known subject: name one in these files, remove them, or give "
            "--subject-pattern"
        )
    elif known < _LEAST:
        why = f"a split by subject needs at least {_LEAST} subjects (known: {known})"
    else:
        why = "some class has no video of the subjects that would be trained on"
    return f"by source video, so subjects in training are also in test, because {why}"


def _by_number(text: str) -> tuple[int, str]:
    return (int(text) if text.isdecimal() else -1, text)


def _some(names: Sequence[str]) -> str:
    more = len(names) - _LISTED
    return ", ".join([*names[:_LISTED], *([f"and {more} more"] if more > 0 else [])])
