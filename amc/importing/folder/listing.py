"""Lists the videos of a folder: sub-folders are classes, and file names contain the performer's name or number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from amc.errors import UserError
from amc.importing.file_names import printable

VIDEO_SUFFIXES = frozenset(
    f".{ending}"
    for ending in (
        *("3gp", "asf", "avi", "f4v", "flv", "gif", "m2ts", "m4v", "mkv", "mov", "mp4"),
        *("mpeg", "mpg", "mts", "mxf", "nut", "ogv", "ts", "vob", "webm", "wmv"),
    )
)

# A word for a person, or only s or p, followed by a number: performer_3.mp4, wave-Subject12.avi, g04s17.avi, p05.mov.
SUBJECT_PATTERN = (
    r"(?i)(?:(?<![a-z])(?:subject|subj|sub|performer|person|participant|actor|signer|speaker|user|id)[ _-]?"
    # Matches in g04s17, but not in 720p_1 or 24s_2, which contain a height and seconds.
    r"|(?<![a-z0-9])[sp][ _-]?|(?<=[0-9])[sp](?=[0-9]))(\d+)"
)

_LARGEST_NUMBER = 10**9  # more digits are a date or a code, not a subject's number


@dataclass(frozen=True)
class ListedVideo:
    """A file with the name of a video.

    Attributes:
        path: the file.
        name: path relative to the folder of videos, with forward slashes.
        label: name of its class.
        source: its index among all listed videos.
        subject: number of the performer; -1 if unknown.
        performer: part of the file name that identifies the performer; None if there is none.
    """

    path: Path
    name: str
    label: str
    source: int
    subject: int = -1
    performer: str | None = None


@dataclass(frozen=True)
class Listing:
    """The videos of a folder, sorted by class and name.

    Attributes:
        videos: all of them.
        subjects: names of the subjects 0, 1, ...; empty if the file names contain numbers, which are used directly.
        others: number of visible files in the folder and its classes without a video's file name extension.
    """

    videos: tuple[ListedVideo, ...]
    subjects: tuple[str, ...]
    others: int


def list_videos(source: Path, subject_pattern: str = SUBJECT_PATTERN) -> Listing:
    """Lists SOURCE/<class>/<video>. Hidden files, hidden folders and deeper folders are ignored.

    Args:
        source: the folder.
        subject_pattern: a regular expression to search for in each file name. Its group `subject`, or else its first
            group, is the performer. If the performers of all videos are numbers, these are the subjects (without
            leading zeros); otherwise the distinct texts are sorted and numbered.

    Raises:
        UserError: the folder does not exist or cannot be read, or the pattern is invalid or has no group.
    """
    pattern = _compiled(subject_pattern)
    if not source.is_dir():
        raise UserError(f"{source}: no such folder; give a folder with a sub-folder of videos for each class")
    try:
        top = _visible(source)
        inside = {folder: _visible(folder) for folder in top if folder.is_dir()}
    except OSError as error:
        raise UserError(f"cannot read {error.filename}: {error.strerror or error}") from error
    others = sum(not path.is_dir() for path in top)
    videos: list[ListedVideo] = []
    for folder, paths in inside.items():
        for path in paths:
            if path.is_dir():
                continue
            if path.suffix.lower() not in VIDEO_SUFFIXES:
                others += 1
                continue
            label = printable(folder.name)
            performer = _performer(pattern, path.name)
            videos.append(
                ListedVideo(path, f"{label}/{printable(path.name)}", label, source=len(videos), performer=performer)
            )
    return Listing(*number_videos(videos), others)


def number_videos(videos: Sequence[ListedVideo]) -> tuple[tuple[ListedVideo, ...], tuple[str, ...]]:
    """Numbers sources and subjects among the given videos; returns the videos and the subjects' names (`Listing`)."""
    numbers, subjects = _number_subjects([video.performer for video in videos])
    return tuple(
        replace(video, source=source, subject=subject)
        for source, (video, subject) in enumerate(zip(videos, numbers, strict=True))
    ), subjects


def _visible(folder: Path) -> list[Path]:
    return sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=lambda path: path.name)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UserError(f"--subject-pattern {pattern!r} is not a regular expression: {error}") from error
    if compiled.groups == 0:
        raise UserError(
            f"--subject-pattern {pattern!r} has no group: put the performer into parentheses, as in '_([a-z]+)_'"
        )
    return compiled


def _performer(pattern: re.Pattern[str], name: str) -> str | None:
    match = pattern.search(name)
    if match is None:
        return None
    found: str | None = match["subject"] if "subject" in pattern.groupindex else match[1]
    return found


def _number_subjects(performers: list[str | None]) -> tuple[list[int], tuple[str, ...]]:
    """The subject of each video, and the subjects' names unless these are the numbers themselves."""
    known = {text for text in performers if text}
    if all(re.fullmatch(r"[0-9]+", text) and int(text) < _LARGEST_NUMBER for text in known):
        return [int(text) if text else -1 for text in performers], ()
    names = tuple(sorted(known))
    return [names.index(text) if text else -1 for text in performers], tuple(printable(name) for name in names)
