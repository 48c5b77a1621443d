"""Which videos a folder holds: one sub-folder a class, the performer's name or number in the file's name."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from amc.errors import UserError

VIDEO_SUFFIXES = frozenset(
    f".{ending}"
    for ending in (
        *("3gp", "asf", "avi", "f4v", "flv", "gif", "m2ts", "m4v", "mkv", "mov", "mp4"),
        *("mpeg", "mpg", "mts", "mxf", "nut", "ogv", "ts", "vob", "webm", "wmv"),
    )
)

# A word for a person, or s or p alone, and then a number: performer_3.mp4, wave-Subject12.avi, g04s17.avi, p05.mov.
SUBJECT_PATTERN = (
    r"(?i)(?:(?<![a-z])(?:subject|subj|sub|performer|person|participant|actor|signer|speaker|user|id)[ _-]?"
    # Not in 720p_1 or 24s_2, which are heights and seconds, but in g04s17.
    r"|(?<![a-z0-9])[sp][ _-]?|(?<=[0-9])[sp](?=[0-9]))(\d+)"
)

_LARGEST_NUMBER = 10**9  # a longer run of digits is a date or a code, not a number to keep


@dataclass(frozen=True)
class Video:
    """A file that is a video by its name.

    Attributes:
        path: where it is.
        name: its path under the folder of videos, with forward slashes.
        label: its class's name.
        source: its number among all listed videos.
        subject: who performs; -1 where unknown.
        performer: what of the file's name says who performs; None where nothing does.
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
        subjects: names of the subjects 0, 1, ...; empty where the file names hold numbers, which are used as they are.
        others: visible files in the folder and in its classes that are no videos by their names.
    """

    videos: tuple[Video, ...]
    subjects: tuple[str, ...]
    others: int


def list_videos(source: Path, subject_pattern: str = SUBJECT_PATTERN) -> Listing:
    """Lists SOURCE/<class>/<video>; hidden files and folders are left out, and so is what lies deeper.

    Args:
        source: the folder.
        subject_pattern: a regular expression searched for in a video's file name; its group `subject`, or else its
            first group, is the performer. Where every group that was found is a number (leading zeros aside), that
            is the subject; otherwise the distinct texts are numbered in their order.

    Raises:
        UserError: no such folder, one that cannot be read, or a pattern that is none or has no group.
    """
    pattern = _compiled(subject_pattern)
    if not source.is_dir():
        raise UserError(f"{source}: no such folder; give one that has a sub-folder of videos for each class")
    try:
        top = _visible(source)
        inside = {folder: _visible(folder) for folder in top if folder.is_dir()}
    except OSError as error:
        raise UserError(f"cannot read {error.filename}: {error.strerror or error}") from error
    others = sum(not path.is_dir() for path in top)
    videos: list[Video] = []
    for folder, paths in inside.items():
        for path in paths:
            if path.is_dir():
                continue
            if path.suffix.lower() not in VIDEO_SUFFIXES:
                others += 1
                continue
            label = _text(folder.name)
            performer = _subject(pattern, path.name)
            videos.append(Video(path, f"{label}/{_text(path.name)}", label, source=len(videos), performer=performer))
    return Listing(*numbered(videos), others)


def numbered(videos: Sequence[Video]) -> tuple[tuple[Video, ...], tuple[str, ...]]:
    """Videos with their sources and subjects numbered among themselves, and the names of the subjects (`Listing`)."""
    numbers, subjects = _subjects([video.performer for video in videos])
    return tuple(
        replace(video, source=source, subject=subject)
        for source, (video, subject) in enumerate(zip(videos, numbers, strict=True))
    ), subjects


def _visible(folder: Path) -> list[Path]:
    return sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=lambda path: path.name)


def _text(name: str) -> str:
    # A name that is no text, or would break a line, still has to be printed and stored, and told from others.
    text = os.fsencode(name).decode("utf-8", errors="backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UserError(f"--subject-pattern {pattern!r} is no regular expression: {error}") from error
    if compiled.groups == 0:
        raise UserError(
            f"--subject-pattern {pattern!r} has no group: put the performer in parentheses, as in '_([a-z]+)_'"
        )
    return compiled


def _subject(pattern: re.Pattern[str], name: str) -> str | None:
    match = pattern.search(name)
    if match is None:
        return None
    found: str | None = match["subject"] if "subject" in pattern.groupindex else match[1]
    return found


def _subjects(found: list[str | None]) -> tuple[list[int], tuple[str, ...]]:
    """A number for each video, and the names of the numbers where they are not the names themselves."""
    known = {text for text in found if text}
    if all(re.fullmatch(r"[0-9]+", text) and int(text) < _LARGEST_NUMBER for text in known):
        return [int(text) if text else -1 for text in found], ()
    names = tuple(sorted(known))
    return [names.index(text) if text else -1 for text in found], tuple(_text(name) for name in names)
