"""Where the videos of NATOPS are: `gXXsYY.avi` in a folder at any depth, or in archives as they were downloaded.

XX is the gesture, YY the subject. `gXXsYYm.avi` and `gXXsYYd.avi` are masks and depths, which are left alone. Hidden
files are left out, also those that archives made on a Mac carry.
"""

from __future__ import annotations

import lzma
import os
import re
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from amc.errors import UserError
from amc.importing.folder.listing import VIDEO_SUFFIXES
from amc.importing.natops.segmentation import GESTURES
from amc.importing.problems import Problems
from amc.importing.procedural_marker import MARKER

SEGMENTATION = "segmentation.txt"
LARGEST = 8 * 2**30  # bytes that a video in an archive may unpack to; the real ones have a few megabytes
_PART = 1 << 20  # bytes at a time

_NAME = re.compile(r"g([0-9]{2})s([0-9]{2})([md]?)\.avi", re.IGNORECASE)
_FOLDER = re.compile(r"gesture[ _-]?([0-9]{1,2})(?![0-9])", re.IGNORECASE)

# What `zipfile` is known to raise on archives that are damaged, encrypted or of a kind it does not know.
_ZIP_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, RuntimeError, NotImplementedError, EOFError),
    *(ValueError, OverflowError, MemoryError, KeyError, IndexError, struct.error),
)


class Unusable(Exception):
    """A video that cannot be got out of its archive; the message says why."""


@dataclass(frozen=True)
class Film:
    """One video: a file, or a member of an archive.

    Attributes:
        gesture: 1 .. 24.
        subject: from 0.
        path: the video, or the archive it is in.
        member: its name in the archive; None where it is a file.
        name: its path under the source, of a member its archive's followed by its own, with forward slashes.
    """

    gesture: int
    subject: int
    path: Path
    member: str | None
    name: str


@dataclass(frozen=True)
class Distribution:
    """What a folder holds.

    Attributes:
        films: one for each gesture and subject, sorted by them.
        segmentation: the file.
        made: whether the videos are procedural, as a file in the folder says.
        masks: mask and depth videos that were left alone.
        others: files that are no videos by their names, the segmentation not counted.
    """

    films: tuple[Film, ...]
    segmentation: Path
    made: bool
    masks: int
    others: int


def identity(name: str) -> tuple[int, int] | None:
    """(gesture, subject) of a video's name or path; None where it is no RGB video of NATOPS."""
    match = _NAME.fullmatch(PurePosixPath(name).name)
    if match is None or match[3] or not 1 <= int(match[1]) <= GESTURES:
        return None
    return int(match[1]), int(match[2])


def read_distribution(source: Path, problems: Problems) -> Distribution:
    """Lists a folder and its archives; unpacks nothing.

    Named as problems are videos of another name, two videos of one gesture and subject, a video whose folder says
    another gesture, archives that cannot be read, and a second segmentation.

    Raises:
        UserError: no such folder, one that cannot be read, or no `segmentation.txt` in it.
    """
    if not source.is_dir():
        raise UserError(
            f"{source}: no such folder; give the one with segmentation.txt and with data/ or gesture01.zip, …"
        )
    listing = _Listing(problems)
    for path in _files(source):
        listing.file(path, _text(path.relative_to(source).as_posix()))
    if not listing.segmentations:
        raise UserError(f"{source}: there is no {SEGMENTATION} in it, which says where the clips are; put it there")
    first, *others = sorted(listing.segmentations, key=lambda path: (len(path.parts), path))
    for other in others:
        problems.note(
            "second segmentation", _text(other.relative_to(source).as_posix()), f"not read: {first} is there too"
        )
    return Distribution(
        films=listing.chosen(), segmentation=first, made=listing.made, masks=listing.masks, others=listing.others
    )


@contextmanager
def as_file(film: Film, scratch: Path) -> Iterator[Path]:
    """The video as a file: itself, or unpacked for as long as the block lasts.

    Args:
        film: the video.
        scratch: a folder for what is unpacked; names in archives have no say in where.

    Raises:
        Unusable: the archive is damaged, encrypted or of an unknown kind, or is no longer there.
        UserError: it cannot be unpacked for want of space, say.
    """
    if film.member is None:
        yield film.path
        return
    try:
        folder = tempfile.TemporaryDirectory(dir=scratch)
    except OSError as error:
        raise _full(film, scratch, error) from error
    with folder:
        path = Path(folder.name) / "video.avi"
        try:
            with path.open("wb") as stream:
                for part in _content(film.path, film.member):
                    stream.write(part)
        except OSError as error:
            raise _full(film, scratch, error) from error
        yield path


def _full(film: Film, scratch: Path, error: OSError) -> UserError:
    # A full disk must not look like a damaged archive.
    return UserError(
        f"cannot unpack {film.name} into {scratch}: {error.strerror or error}; set TMPDIR to a folder with space"
    )


def _content(archive: Path, member: str) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(archive) as packed:
            info = packed.getinfo(member)
            if info.file_size > LARGEST:
                raise Unusable(f"larger than any video of NATOPS: {info.file_size} bytes")
            with packed.open(info) as stream:
                while part := stream.read(_PART):
                    yield part
    except _ZIP_ERRORS as error:
        raise Unusable(f"cannot be unpacked ({_reason(error)})") from error


class _Listing:
    """What was found so far."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._unpacked: dict[tuple[int, int], Film] = {}
        self._packed: dict[tuple[int, int], Film] = {}
        self._twice: dict[str, int] = {}  # members of an archive that also lie unpacked
        self.segmentations: list[Path] = []
        self.made = False
        self.masks = self.others = 0

    def file(self, path: Path, name: str) -> None:
        """One file, by its path under the source."""
        if path.name.lower() == SEGMENTATION:
            self.segmentations.append(path)
        elif path.suffix.lower() == ".zip":
            self._archive(path, name)
        else:
            self.made |= path.name == MARKER
            self._entry(path, None, name)

    def chosen(self) -> tuple[Film, ...]:
        """One video for each gesture and subject; an unpacked one rather than one in an archive."""
        for key, film in self._packed.items():
            if key in self._unpacked:
                archive = film.path.name
                self._twice[archive] = self._twice.get(archive, 0) + 1
        for archive, count in self._twice.items():
            self._problems.note(
                "also in an archive",
                _text(archive),
                f"{count} of its videos also lie there unpacked, and those are used",
            )
        chosen = self._packed | self._unpacked
        return tuple(chosen[key] for key in sorted(chosen))

    def _archive(self, path: Path, name: str) -> None:
        try:
            with zipfile.ZipFile(path) as packed:
                members = [info.filename for info in packed.infolist() if not info.is_dir()]
        except _ZIP_ERRORS as error:
            self._problems.skip("unreadable archive", name, f"cannot be read ({_reason(error)})")
            return
        shown = [member for member in members if not _hidden(member)]
        if not any(_NAME.fullmatch(PurePosixPath(member).name) for member in shown):
            self.others += 1  # such as precomputed_features.zip
            return
        for member in sorted(shown):
            self.made |= PurePosixPath(member).name == MARKER
            self._entry(path, member, f"{name}/{member}")

    def _entry(self, path: Path, member: str | None, name: str) -> None:
        last = PurePosixPath(name).name
        match = _NAME.fullmatch(last)
        if match is not None and match[3]:
            self.masks += 1
            return
        key = identity(name)
        if key is None:
            if PurePosixPath(last).suffix.lower() in VIDEO_SUFFIXES:
                self._problems.skip("not a video of NATOPS", name, "its name is not gXXsYY.avi with XX from 01 to 24")
            else:
                self.others += 1
            return
        found = self._unpacked if member is None else self._packed
        if key in found:
            self._problems.skip("second video", name, f"{found[key].name} has the same gesture and subject")
            return
        found[key] = Film(*key, path, member, name)
        folders = [int(m[1]) for part in PurePosixPath(name).parts[:-1] if (m := _FOLDER.match(part))]
        if folders and folders[-1] != key[0]:
            self._problems.note(
                "folder of another gesture", name, f"it lies under gesture {folders[-1]}; its own name counts"
            )


def _files(source: Path) -> Iterator[Path]:
    """All visible files, folder by folder in the order of their names; a folder that links lead to twice comes once."""
    seen: set[str] = set()
    waiting = [source]
    while waiting:
        folder = waiting.pop()
        real = os.path.realpath(folder)
        if real in seen:
            continue
        seen.add(real)
        try:
            entries = sorted((e for e in folder.iterdir() if not e.name.startswith(".")), key=lambda e: e.name)
        except OSError as error:
            raise UserError(f"cannot read {error.filename}: {error.strerror or error}") from error
        yield from (entry for entry in entries if not entry.is_dir())
        waiting += reversed([entry for entry in entries if entry.is_dir()])


def _hidden(member: str) -> bool:
    parts = PurePosixPath(member.replace("\\", "/")).parts
    return any((part.startswith(".") and part != "..") or part == "__MACOSX" for part in parts)


def _text(name: str) -> str:
    # A name that is not in the file system's encoding still has to be printed.
    return os.fsencode(name).decode("utf-8", errors="replace")


def _reason(error: Exception) -> str:
    said = error.strerror if isinstance(error, OSError) else str(error)
    return " ".join((said or type(error).__name__).split())
