"""Lists the videos of a folder: sub-folders are classes, and file names contain the performer's name or number."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from amc.data.procedural_marker import MARKER
from amc.errors import UserError
from amc.importing.file_names import printable
from amc.importing.folder.performers import named_performer
from amc.importing.problems import Problems

VIDEO_SUFFIXES = frozenset(
    f".{ending}"
    for ending in (
        *("3gp", "asf", "avi", "f4v", "flv", "gif", "m2ts", "m4v", "mkv", "mov", "mp4"),
        *("mpeg", "mpg", "mts", "mxf", "nut", "ogv", "ts", "vob", "webm", "wmv"),
    )
)

_PARTS = frozenset({"train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval"})  # of a split

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
        performer: part of the file name that identifies the performer; None if there is none, or several.
        pattern: what in the file name states the performer, such as `subject N`.
    """

    path: Path
    name: str
    label: str
    source: int
    subject: int = -1
    performer: str | None = None
    pattern: str = ""


@dataclass(frozen=True)
class Listing:
    """The videos of a folder, sorted by class and name.

    Attributes:
        videos: all of them.
        subjects: names of the subjects 0, 1, ...; empty if the file names contain numbers, which are used directly.
    """

    videos: tuple[ListedVideo, ...]
    subjects: tuple[str, ...]


def list_videos(source: Path, problems: Problems, subject_pattern: str | None = None) -> Listing:
    """Lists SOURCE/<class>/<video>. Hidden files and folders are ignored; all other files are named in `problems`.

    Args:
        source: the folder.
        problems: receives files in other folders, files with other endings, class folders whose names look alike, and
            file names that state two performers.
        subject_pattern: a regular expression to search for in each file name. Its group `subject`, or else its first
            group, is the performer; by default `amc.importing.folder.performers` finds it. If the performers of all
            videos are numbers, these are the subjects (without leading zeros); otherwise the distinct texts are sorted
            and numbered.

    Raises:
        UserError: the folder does not exist or cannot be read, all videos are in deeper folders, or the pattern is
            invalid or has no group.
    """
    pattern = None if subject_pattern is None else _compiled(subject_pattern)
    if not source.is_dir():
        raise UserError(f"{source}: no such folder; give a folder with a sub-folder of videos for each class")
    found = _Found()
    try:
        for path in _visible(source):
            if path.is_dir():
                found.folder(path)
            elif _is_video(path):
                problems.skip("in no class folder", printable(path.name), "in no class folder: move it into one")
            else:
                found.others.setdefault(path.suffix.lower(), []).append(printable(path.name))
    except OSError as error:
        raise UserError(f"cannot read {error.filename}: {error.strerror or error}") from error
    if found.deeper and not found.videos:
        raise UserError(f"{source}: {_layout_advice(source, found.deeper)}")
    found.report(problems)
    videos = []
    for i, (label, path) in enumerate(found.videos):
        name = f"{label}/{printable(path.name)}"
        performer, shown = _performer(pattern, path.name, name, problems)
        videos.append(ListedVideo(path, name, label, i, performer=performer, pattern=shown))
    return Listing(*number_videos(videos))


class _Found:
    """What is in the class folders."""

    def __init__(self) -> None:
        self.classes: list[str] = []  # names of the folders
        self.videos: list[tuple[str, Path]] = []  # with their classes
        self.deeper: dict[str, list[str]] = {}  # names of videos by deeper folder
        self.others: dict[str, list[str]] = {}  # paths of other files by ending

    def folder(self, folder: Path) -> None:
        """Adds a class folder."""
        self.classes.append(folder.name)
        label = printable(folder.name)
        for path in _visible(folder):
            if path.is_dir():
                self._deeper(path, f"{label}/{printable(path.name)}")
            elif _is_video(path):
                self.videos.append((label, path))
            else:
                self.others.setdefault(path.suffix.lower(), []).append(f"{label}/{printable(path.name)}")

    def _deeper(self, folder: Path, place: str) -> None:
        if folder.is_symlink():  # may lead back up
            return
        inside = _visible(folder)
        if names := [printable(path.name) for path in inside if not path.is_dir() and _is_video(path)]:
            self.deeper[place] = names
        for path in inside:
            if path.is_dir():
                self._deeper(path, f"{place}/{printable(path.name)}")

    def report(self, problems: Problems) -> None:
        """Names everything that is no video of a class."""
        for place, names in self.deeper.items():
            problems.skip(
                "deeper folders",
                f"{place}/",
                f"videos in a deeper folder ({len(names)}, such as {names[0]}): move them to {place.split('/')[0]}/",
            )
        for suffix, names in sorted(self.others.items()):
            if names != [MARKER]:
                problems.note(
                    "kinds of other files",
                    names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more",
                    f"ignored: {f'{suffix} is not a video' if suffix else 'no'} file extension; if it is a video, "
                    "convert or rename it, for example to .mp4",
                )
        alike: dict[str, list[str]] = {}
        for name in self.classes:
            alike.setdefault(" ".join(unicodedata.normalize("NFKC", name).casefold().split()), []).append(name)
        for names in alike.values():
            if len(names) > 1:
                form = len({unicodedata.normalize("NFKC", name) for name in names}) == 1
                problems.note(
                    "class folders that look alike",
                    " and ".join(f"{printable(name)}/" for name in names),
                    f"classes whose names differ only in {'Unicode form' if form else 'case or spaces'}: if they are "
                    "one, move their videos into one folder",
                )


def _layout_advice(source: Path, deeper: Mapping[str, list[str]]) -> str:
    """What to do if all videos are in deeper folders."""
    place, names = next(iter(deeper.items()))
    tops = list(dict.fromkeys(folder.split("/")[0] for folder in deeper))
    if place.count("/") > 1:
        return f"its videos are too deep, such as {place}/{names[0]}: give the folder whose sub-folders are the classes"
    found = f"its videos are one folder too deep, such as {place}/{names[0]}"
    if len(tops) == 1 or all(top.lower() in _PARTS for top in tops):
        return f"{found}: give {' or '.join(str(source / top) for top in tops)} instead"
    return f"{found}: move them up into {tops[0]}/ and the other classes"


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES


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
            f"--subject-pattern {pattern!r} has no group: put the subject into parentheses, as in '_([a-z]+)_'"
        )
    return compiled


def _performer(pattern: re.Pattern[str] | None, name: str, place: str, problems: Problems) -> tuple[str | None, str]:
    """The performer that a file name states, and what states it."""
    if pattern is None:
        named = named_performer(name)
        if len(named.candidates) > 1:
            problems.note(
                "names with two subjects",
                place,
                f"its name states several subjects ({', '.join(named.candidates)}), so it has none: rename it, or "
                "give --subject-pattern",
            )
        return named.number, named.pattern if named.number is not None else ""
    match = pattern.search(name)
    if match is None:
        return None, ""
    found: str | None = match["subject"] if "subject" in pattern.groupindex else match[1]
    return found, "--subject-pattern" if found else ""


def _number_subjects(performers: list[str | None]) -> tuple[list[int], tuple[str, ...]]:
    """The subject of each video, and the subjects' names unless these are the numbers themselves."""
    known = {text for text in performers if text}
    if all(re.fullmatch(r"[0-9]+", text) and int(text) < _LARGEST_NUMBER for text in known):
        return [int(text) if text else -1 for text in performers], ()
    names = tuple(sorted(known))
    return [names.index(text) if text else -1 for text in performers], tuple(printable(name) for name in names)
