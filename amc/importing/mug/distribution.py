"""What lies in a copy of MUG as it is distributed: `subjects3/<ID>/[sessionN/]<emotion>/takeNNN/img_0000.jpg`.

A take is a folder of pictures somewhere under a folder that is named after an emotion. The subject is the uppermost
folder's name; an ID inside the same ID (`017/017/…`) counts once. Frames are sorted by the number at the end of their
names. Everything else is counted and named, and never read.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from amc.errors import UserError
from amc.importing.problems import Problems
from amc.importing.procedural_marker import MARKER

TOP = "subjects3"
PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp"})  # what OpenFace reads
TABLE = ".csv"

# Names of folders -> the paper's names of classes; `neutral` is no class.
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
_NAMED = 3  # names in one line of the summary


@dataclass(frozen=True)
class Take:
    """One take of one expression.

    Attributes:
        folder: where its frames lie.
        names: of the frames' files, in the order in which they were taken.
        name: subject, sessions, class and take, with slashes: the same wherever the copy lies.
        place: the folder's path under the distribution's top folder, with slashes.
        label: its class.
        person: the subject's ID as it is written.
        subject: its number.
        twin: name of the first take of the same person and class with the same pictures; "" where there is none.
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
        """The frames' files."""
        return tuple(self.folder / name for name in self.names)


@dataclass(frozen=True)
class Distribution:
    """The takes of all six expressions, sorted by name.

    Attributes:
        top: the folder that holds the subjects' folders.
        takes: all that can be told apart and sorted.
        subjects: IDs of the subjects 0, 1, ...; empty where IDs are numbers, which are used as they are.
        made: whether the project itself made these files.
    """

    top: Path
    takes: tuple[Take, ...]
    subjects: tuple[str, ...]
    made: bool


def read_distribution(source: Path, problems: Problems) -> Distribution:
    """Lists a copy of MUG; `source` is the folder `subjects3` or the one above it.

    Raises:
        UserError: no such folder, one that cannot be read, or one without a single emotion's folder.
    """
    if not source.is_dir():
        raise UserError(f"{source}: no such folder; give the folder {TOP}, or the one above it")
    top = top_folder(source)
    takes: list[Take] = []
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
                problems.note("folders without frames", text("/".join(parts)), "no frames in it")
            elif names:
                why = "pictures outside a take's folder" if at is not None else "pictures outside an emotion's folder"
                problems.note(why, "/".join(parts) or ".", f"{why}: {len(names)}, not read")
            for name in files:
                if name not in names and _suffix(name) != TABLE and name != MARKER:
                    strays[_suffix(name) or "no ending"].append("/".join((*parts, name)))
    except OSError as error:
        raise UserError(f"cannot read {error.filename}: {error.strerror or error}") from error
    if not emotions:
        raise UserError(
            f"{source}: no folder of an emotion in it; MUG is {TOP}/<ID>/[sessionN/]<emotion>/takeNNN/img_0000.jpg, "
            f"and the emotions are {', '.join(sorted(FOLDERS))}"
        )
    if neutral:
        problems.note("emotion that is no class", "neutral", f"{len(neutral)} takes dropped, neutral is no class")
    for ending, found in sorted(strays.items()):
        problems.note("kind of other files", ending, f"{len(found)} files not read: {_some(found)}")
    kept = _once(sorted(takes, key=lambda take: (take.name, len(take.place), take.place)), problems)
    numbered, subjects = _numbered(kept)
    places = [source.resolve(), top.resolve()]
    places += [place.parent for place in places if place.name.lower() == TOP]
    made = any((place / MARKER).is_file() for place in places)
    return Distribution(top, numbered, subjects, made)


def top_folder(source: Path) -> Path:
    """The folder that holds the subjects: goes down through `subjects3`, also twice."""
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
    """Every folder in and under this one with the names of its files, sorted, and whether it has no folders.

    Links are followed, but nothing is visited twice.
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


def _take(folder: Path, parts: tuple[str, ...], at: int, names: Sequence[str], problems: Problems) -> Iterator[Take]:
    """The take in a folder, unless its frames cannot be put in order."""
    place = text("/".join(parts))
    # A copy may lie deeper than `source` says.
    above = next((i + 1 for i in range(at - 1, -1, -1) if parts[i].lower() == TOP), 0)
    parts, at = parts[above:], at - above
    if at == 0:
        problems.skip("no subject", place, "no subject's folder above the emotion's; give the folder above")
        return
    numbers: dict[int, str] = {}
    for name in names:
        match = _NUMBERED.fullmatch(Path(name).stem)
        if match is None:
            problems.note("pictures without a number", f"{place}/{text(name)}", "no number in its name, not read")
        elif int(match[1]) in numbers:
            problems.skip("frames twice", place, f"two frames {match[1]}: {numbers[int(match[1])]} and {text(name)}")
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
    name = text("/".join((person, *between, label, *parts[at + 1 :])))
    ordered = tuple(numbers[number] for number in sorted(numbers))
    if ordered:
        yield Take(folder, ordered, name, place, label, text(person))


def _once(takes: Sequence[Take], problems: Problems) -> list[Take]:
    """Takes without second copies of the same name (an ID inside its ID); copies under other names know their twin.

    Twins that pass for two sources would put the same pictures on both sides of a split.
    """
    kept: list[Take] = []
    names: dict[str, Take] = {}
    sizes: dict[tuple[object, ...], list[Take]] = defaultdict(list)
    content = lru_cache(maxsize=None)(_content)
    for take in takes:
        try:
            alike = sizes[tuple(path.stat().st_size for path in take.paths)]
            # Frames that are all the same are a place-holder, and tell nothing apart.
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
            problems.skip(f"takes of another {what}", take.place, f"the same pictures as {twin.place}, another {what}")
            continue
        if twin is not None:
            problems.note("takes with the same pictures", take.place, f"the same pictures as {twin.place}")
            take = replace(take, twin=twin.twin or twin.name)
        if take.name in names:
            take = replace(take, name=take.place)
        alike.append(take)
        names[take.name] = take
        kept.append(take)
    return kept


def _content(take: Take) -> tuple[bytes, ...]:
    """Hashes of what is in the frames' files."""
    hashes = []
    for path in take.paths:
        with path.open("rb") as stream:
            hashes.append(hashlib.file_digest(stream, "sha256").digest())
    return tuple(hashes)


def _numbered(takes: Sequence[Take]) -> tuple[tuple[Take, ...], tuple[str, ...]]:
    """Takes with their subjects' numbers, and the IDs of those numbers where they are not numbers themselves."""
    people = sorted({take.person for take in takes})
    if all(re.fullmatch(r"[0-9]{1,9}", person) for person in people):
        return tuple(replace(take, subject=int(take.person)) for take in takes), ()
    return tuple(replace(take, subject=people.index(take.person)) for take in takes), tuple(people)


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join([*(text(name) for name in names[:_NAMED]), *([f"and {more} more"] if more > 0 else [])])


def text(name: str) -> str:
    """A file's name as it can be printed, also where it is not in the file system's encoding."""
    return os.fsencode(name).decode("utf-8", errors="replace")
