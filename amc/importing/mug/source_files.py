"""Finds the takes in a copy of MUG: `subjects3/<ID>/[sessionN/]<emotion>/takeNNN/img_0000.jpg`.

A take is a folder of images somewhere below a folder with the name of an emotion. The subject is the top folder's name;
an ID inside the same ID (`017/017/…`) counts once. Frames are sorted by the number at the end of their names. All other
files are counted and named in the summary, but not read.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from amc.data.procedural_marker import MARKER
from amc.errors import UserError
from amc.importing.file_names import printable
from amc.importing.problems import Problems

TOP = "subjects3"
PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp"})  # formats that OpenFace reads
TABLE = ".csv"

# The paper's class names by folder name; `neutral` is not a class.
FOLDERS = {
    "anger": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happiness": "happy",
    "happy": "happy",
    "sadness": "sad",
    "sad": "sad",
    "surprise": "surprise",
    "neutral": "neutral",
}

_NUMBERED = re.compile(r"(?:.*\D)?(\d{1,12})", re.DOTALL)
_NAMED = 3  # names listed in one line of the summary


@dataclass(frozen=True)
class MugTake:
    """One take of one expression.

    Attributes:
        folder: the folder with its frames.
        names: file names of the frames in the order in which they were recorded.
        name: subject, sessions, class and take, with slashes; does not depend on where the copy of MUG is.
        place: path relative to the top folder, with slashes.
        label: name of its class.
        person: ID of the subject.
        subject: number of the subject.
        twin: name of the first take of the same person and class with the same images; empty if there is none.
    """

    folder: Path
    names: tuple[str, ...]
    name: str
    place: str
    label: str
    person: str
    subject: int = -1
    twin: str = ""

    @property
    def paths(self) -> tuple[Path, ...]:
        """Files of the frames."""
        return tuple(self.folder / name for name in self.names)


@dataclass(frozen=True)
class MugFiles:
    """The takes of all six expressions in a copy of MUG, sorted by name.

    Attributes:
        top: the folder that contains the subjects' folders.
        takes: all takes that can be identified and whose frames can be sorted.
        subjects: IDs of the subjects 0, 1, ...; empty if the IDs are numbers, which are used directly.
        procedural: whether this project generated the files, according to the marker file.
    """

    top: Path
    takes: tuple[MugTake, ...]
    subjects: tuple[str, ...]
    procedural: bool


def list_files(source: Path, problems: Problems) -> MugFiles:
    """Lists a copy of MUG; `source` is the folder `subjects3` or its parent.

    Raises:
        UserError: the folder does not exist, cannot be read, or contains no emotion's folder.
    """
    if not source.is_dir():
        raise UserError(f"{source}: no such folder; give the folder {TOP} or its parent")
    top = top_folder(source)
    takes: list[MugTake] = []
    strays: dict[str, list[str]] = defaultdict(list)
    neutral: list[str] = []
    emotions = 0
    try:
        for parts, folder, files, leaf in _folders(top, (), {top.resolve()}):
            at = next((i for i, part in enumerate(parts) if part.lower() in FOLDERS), None)
            names = [f for f in files if _suffix(f) in PICTURES]
            emotions += at is not None
            if at is not None and at + 1 < len(parts) and names:
                if FOLDERS[parts[at].lower()] == "neutral":
                    neutral.append("/".join(parts))
                else:
                    takes += _take(folder, parts, at, names, problems)
            elif at is not None and leaf and not names:
                problems.note("folders without frames", printable("/".join(parts)), "no frames found")
            elif names:
                why = "images outside a take's folder" if at is not None else "images outside an emotion's folder"
                problems.note(why, "/".join(parts) or ".", f"{why}: {len(names)}, ignored")
            for name in files:
                if name not in names and _suffix(name) != TABLE and name != MARKER:
                    strays[_suffix(name) or "no file extension"].append("/".join((*parts, name)))
    except OSError as error:
        raise UserError(f"cannot read {error.filename}: {error.strerror or error}") from error
    if not emotions:
        raise UserError(
            f"{source}: contains no emotion's folder; MUG is {TOP}/<ID>/[sessionN/]<emotion>/takeNNN/img_0000.jpg with "
            f"the emotions {', '.join(sorted(FOLDERS))}"
        )
    if neutral:
        problems.note("emotion that is not a class", "neutral", f"{len(neutral)} takes ignored, neutral is not a class")
    for ending, found in sorted(strays.items()):
        problems.note("kind of other files", ending, f"{len(found)} files ignored: {_some(found)}")
    unique = _without_copies(sorted(takes, key=lambda take: (take.name, len(take.place), take.place)), problems)
    numbered, subjects = _number_subjects(unique)
    places = [source.resolve(), top.resolve()]
    places += [place.parent for place in places if place.name.lower() == TOP]
    procedural = any((place / MARKER).is_file() for place in places)
    return MugFiles(top, numbered, subjects, procedural)


def top_folder(source: Path) -> Path:
    """The folder that contains the subjects: descends into `subjects3`, also if it is nested."""
    top = source
    for _ in range(3):
        inner = [entry for entry in _entries(top) if entry.name.lower() == TOP and entry.is_dir()]
        if len(inner) != 1:
            break
        top = inner[0]
    return top


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted((p for p in folder.iterdir() if not p.name.startswith(".")), key=lambda path: path.name)
    except OSError as error:
        raise UserError(f"cannot read {error.filename}: {error.strerror or error}") from error


def _folders(
    folder: Path, parts: tuple[str, ...], seen: set[Path]
) -> Iterator[tuple[tuple[str, ...], Path, list[str], bool]]:
    """Yields this folder and all below it, with their sorted file names and whether they contain no folders.

    Links are followed, but no folder is visited twice.
    """
    entries = _entries(folder)
    inner = [entry for entry in entries if entry.is_dir()]
    yield parts, folder, [entry.name for entry in entries if entry not in inner], not inner
    for entry in inner:
        place = entry.resolve()
        if place not in seen:
            seen.add(place)
            yield from _folders(entry, (*parts, entry.name), seen)


def _suffix(name: str) -> str:
    return Path(name).suffix.lower()


def _take(folder: Path, parts: tuple[str, ...], at: int, names: Sequence[str], problems: Problems) -> Iterator[MugTake]:
    """Yields the take in a folder, unless its frames cannot be sorted."""
    place = printable("/".join(parts))
    # The copy may be deeper below `source` than expected.
    above = next((i + 1 for i in range(at - 1, -1, -1) if parts[i].lower() == TOP), 0)
    parts, at = parts[above:], at - above
    if at == 0:
        problems.skip("no subject", place, "no subject's folder above the emotion's folder; give its parent")
        return
    numbers: dict[int, str] = {}
    for name in names:
        match = _NUMBERED.fullmatch(Path(name).stem)
        if match is None:
            problems.note("images without a number", f"{place}/{printable(name)}", "no number in its name, ignored")
        elif int(match[1]) in numbers:
            problems.skip(
                "frames twice", place, f"two frames {match[1]}: {numbers[int(match[1])]} and {printable(name)}"
            )
            return
        else:
            numbers[int(match[1])] = name
    gaps = [(a + 1, b - 1) for a, b in pairwise(sorted(numbers)) if b - a > 1]
    if gaps:
        missing = sum(end - start + 1 for start, end in gaps)
        spans = [f"{start}-{end}" if end > start else str(start) for start, end in gaps]
        problems.note("gaps in numbers", place, f"{missing} frame numbers are missing ({_some(spans)})")
    person, label = parts[0], FOLDERS[parts[at].lower()]
    between = list(parts[1:at])
    while between and between[0] == person:
        between.pop(0)
    name = printable("/".join((person, *between, label, *parts[at + 1 :])))
    ordered = tuple(numbers[number] for number in sorted(numbers))
    if ordered:
        yield MugTake(folder, ordered, name, place, label, printable(person))


def _without_copies(takes: Sequence[MugTake], problems: Problems) -> list[MugTake]:
    """Drops second copies of a take with the same name (an ID inside its ID), and marks copies with other names.

    Copies that counted as two sources could put the same images on both sides of a split.
    """
    unique: list[MugTake] = []
    names: dict[str, MugTake] = {}
    sizes: dict[tuple[object, ...], list[MugTake]] = defaultdict(list)
    content = lru_cache(maxsize=None)(_content)
    for take in takes:
        try:
            alike = sizes[tuple(path.stat().st_size for path in take.paths)]
            # Takes whose frames are all identical are placeholders and are not compared.
            own = content(take) if alike else ()
            twins = [other for other in alike if len(set(own)) > 1 and content(other) == own]
            alone = [other for other in twins if (other.person, other.label) == (take.person, take.label)]
            twin = next(iter([*alone, *twins]), None)
        except OSError as error:
            problems.skip("unreadable takes", take.place, f"cannot be read: {error.strerror or error}")
            continue
        if twin is not None and twin.name == take.name:
            problems.skip("takes twice", take.place, f"a second copy of {twin.place}")
            continue
        if twin is not None and not alone:
            what = "emotion" if twin.person == take.person else "subject"
            problems.skip(
                f"takes of another {what}", take.place, f"the same images as {twin.place}, but another {what}"
            )
            continue
        if twin is not None:
            problems.note("takes with the same images", take.place, f"the same images as {twin.place}")
            take = replace(take, twin=twin.twin or twin.name)
        if take.name in names:
            take = replace(take, name=take.place)
        alike.append(take)
        names[take.name] = take
        unique.append(take)
    return unique


def _content(take: MugTake) -> tuple[bytes, ...]:
    """Hashes of the frames' files."""
    hashes = []
    for path in take.paths:
        with path.open("rb") as stream:
            hashes.append(hashlib.file_digest(stream, "sha256").digest())
    return tuple(hashes)


def _number_subjects(takes: Sequence[MugTake]) -> tuple[tuple[MugTake, ...], tuple[str, ...]]:
    """Takes with the numbers of their subjects, and the subjects' IDs unless these are numbers."""
    people = sorted({take.person for take in takes})
    if all(re.fullmatch(r"[0-9]{1,9}", person) for person in people):
        return tuple(replace(take, subject=int(take.person)) for take in takes), ()
    return tuple(replace(take, subject=people.index(take.person)) for take in takes), tuple(people)


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join([*(printable(name) for name in names[:_NAMED]), *([f"and {more} more"] if more > 0 else [])])
