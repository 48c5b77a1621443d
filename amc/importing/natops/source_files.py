"""Finds the videos of NATOPS: `gXXsYY.avi` in a folder at any depth, unpacked or in the downloaded archives.

XX is the gesture, YY the subject. Masks (`gXXsYYm.avi`) and depth videos (`gXXsYYd.avi`) are not used. Hidden files are
ignored, including those that macOS adds to archives.
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

from amc.data.procedural_marker import MARKER
from amc.errors import UserError
from amc.importing.file_names import printable
from amc.importing.folder.listing import VIDEO_SUFFIXES
from amc.importing.natops.segmentation import GESTURES
from amc.importing.problems import Problems

SEGMENTATION = "segmentation.txt"
LARGEST = 8 * 2**30  # bytes that a video in an archive may have unpacked; real ones have a few megabytes
_PART = 1 << 20  # bytes that are unpacked at a time

_NAME = re.compile(r"g([0-9]{2})s([0-9]{2})([md]?)\.avi", re.IGNORECASE)
_FOLDER = re.compile(r"gesture[ _-]?([0-9]{1,2})(?![0-9])", re.IGNORECASE)

# What `zipfile` raises for archives that are damaged, encrypted or of an unsupported kind.
_ZIP_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, RuntimeError, NotImplementedError, EOFError),
    *(ValueError, OverflowError, MemoryError, KeyError, IndexError, struct.error),
)


class UnreadableArchive(Exception):
    """A video that cannot be unpacked from its archive; the message is the reason."""


@dataclass(frozen=True)
class NatopsVideo:
    """One video: a file, or a member of an archive.

    Attributes:
        gesture: 1 to 24.
        subject: at least 0.
        path: the video file, or the archive that contains it.
        member: its name in the archive; None for a file.
        name: its path relative to the source folder, through the archive if there is one, with forward slashes.
    """

    gesture: int
    subject: int
    path: Path
    member: str | None
    name: str


@dataclass(frozen=True)
class NatopsFiles:
    """The files in a copy of NATOPS.

    Attributes:
        videos: one per gesture and subject, sorted.
        segmentation: path of `segmentation.txt`.
        procedural: whether this project generated the videos, according to the marker file.
        masks: number of mask and depth videos, which are not used.
        others: number of other files without the name of a video, except the segmentation.
    """

    videos: tuple[NatopsVideo, ...]
    segmentation: Path
    procedural: bool
    masks: int
    others: int


def identity(name: str) -> tuple[int, int] | None:
    """(gesture, subject) of a video, given its name or path; None if it is not an RGB video of NATOPS."""
    match = _NAME.fullmatch(_path(name).name)
    if match is None or match[3] or not 1 <= int(match[1]) <= GESTURES:
        return None
    return int(match[1]), int(match[2])


def list_files(source: Path, problems: Problems) -> NatopsFiles:
    """Lists a folder and its archives without unpacking anything.

    Problems are videos with other names, two videos of the same gesture and subject, a video in another gesture's
    folder, unreadable archives, and a second segmentation.

    Raises:
        UserError: the folder does not exist, cannot be read, or has no `segmentation.txt`.
    """
    if not source.is_dir():
        raise UserError(
            f"{source}: no such folder; give the folder with segmentation.txt and data/ or gesture01.zip, …"
        )
    listing = _Listing(problems)
    for path in _files(source):
        listing.file(path, printable(path.relative_to(source).as_posix()))
    if not listing.segmentations:
        raise UserError(f"{source}: no {SEGMENTATION} found, which says where the clips are; copy it there")
    first, *others = sorted(listing.segmentations, key=lambda path: (len(path.parts), path))
    for other in others:
        problems.note(
            "second segmentation", printable(other.relative_to(source).as_posix()), f"ignored in favour of {first}"
        )
    return NatopsFiles(
        videos=listing.selected(),
        segmentation=first,
        procedural=listing.procedural,
        masks=listing.masks,
        others=listing.others,
    )


@contextmanager
def as_file(video: NatopsVideo, scratch: Path) -> Iterator[Path]:
    """Yields the path of the video as a file, unpacked from its archive while the block lasts if necessary.

    Args:
        video: the video.
        scratch: folder to unpack into; names in the archive do not influence where.

    Raises:
        UnreadableArchive: the archive is missing, damaged, encrypted or of an unsupported kind.
        UserError: it cannot be unpacked, for example because the disk is full.
    """
    if video.member is None:
        yield video.path
        return
    try:
        folder = tempfile.TemporaryDirectory(dir=scratch)
    except OSError as error:
        raise _unpack_error(video, scratch, error) from error
    with folder:
        path = Path(folder.name) / "video.avi"
        try:
            with path.open("wb") as stream:
                for part in _content(video.path, video.member):
                    stream.write(part)
        except OSError as error:
            raise _unpack_error(video, scratch, error) from error
        yield path


def _unpack_error(video: NatopsVideo, scratch: Path, error: OSError) -> UserError:
    # Not `UnreadableArchive`: a full disk must not look like a damaged archive.
    return UserError(
        f"cannot unpack {video.name} into {scratch}: {error.strerror or error}; set TMPDIR to a folder with space"
    )


def _content(archive: Path, member: str) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(archive) as packed:
            info = packed.getinfo(member)
            if info.file_size > LARGEST:
                raise UnreadableArchive(f"larger than any video of NATOPS: {info.file_size} bytes")
            with packed.open(info) as stream:
                while part := stream.read(_PART):
                    yield part
    except _ZIP_ERRORS as error:
        raise UnreadableArchive(f"cannot be unpacked ({_reason(error)})") from error


class _Listing:
    """Collects the content of a folder."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._unpacked: dict[tuple[int, int], NatopsVideo] = {}
        self._packed: dict[tuple[int, int], NatopsVideo] = {}
        self._duplicates: dict[str, int] = {}  # number of members per archive that also exist unpacked
        self.segmentations: list[Path] = []
        self.procedural = False
        self.masks = self.others = 0

    def file(self, path: Path, name: str) -> None:
        """Adds a file with its path relative to the source folder."""
        if path.name.lower() == SEGMENTATION:
            self.segmentations.append(path)
        elif path.suffix.lower() == ".zip":
            self._archive(path, name)
        else:
            self.procedural |= path.name == MARKER
            self._entry(path, None, name)

    def selected(self) -> tuple[NatopsVideo, ...]:
        """One video per gesture and subject; unpacked videos take precedence over those in archives."""
        for key, video in self._packed.items():
            if key in self._unpacked:
                archive = video.path.name
                self._duplicates[archive] = self._duplicates.get(archive, 0) + 1
        for archive, count in self._duplicates.items():
            self._problems.note(
                "also in an archive",
                printable(archive),
                f"{count} of its videos are also there unpacked; the unpacked ones are used",
            )
        selected = self._packed | self._unpacked
        return tuple(selected[key] for key in sorted(selected))

    def _archive(self, path: Path, name: str) -> None:
        try:
            with zipfile.ZipFile(path) as packed:
                members = [name for name in packed.namelist() if not name.endswith(("/", "\\"))]
        except _ZIP_ERRORS as error:
            self._problems.skip("unreadable archive", name, f"cannot be read ({_reason(error)})")
            return
        shown = [member for member in members if not _hidden(member)]
        if not any(_NAME.fullmatch(_path(member).name) for member in shown):
            self.others += 1  # such as precomputed_features.zip
            return
        for member in sorted(shown):
            self.procedural |= _path(member).name == MARKER
            self._entry(path, member, f"{name}/{_path(member)}")

    def _entry(self, path: Path, member: str | None, name: str) -> None:
        last = PurePosixPath(name).name
        match = _NAME.fullmatch(last)
        if match is not None and match[3]:
            self.masks += 1
            return
        key = identity(name)
        if key is None:
            if PurePosixPath(last).suffix.lower() in VIDEO_SUFFIXES:
                self._problems.skip("not a video of NATOPS", name, "the name is not gXXsYY.avi with XX from 01 to 24")
            else:
                self.others += 1
            return
        found = self._unpacked if member is None else self._packed
        if key in found:
            self._problems.skip("second video", name, f"{found[key].name} has the same gesture and subject")
            return
        found[key] = NatopsVideo(*key, path, member, name)
        folders = [int(m[1]) for part in PurePosixPath(name).parts[:-1] if (m := _FOLDER.match(part))]
        if folders and folders[-1] != key[0]:
            self._problems.note(
                "folder of another gesture", name, f"it is in a folder of gesture {folders[-1]}; the file name is used"
            )


def _files(source: Path) -> Iterator[Path]:
    """Yields all visible files, sorted by name in each folder. A folder that several links lead to is listed once."""
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


def _path(member: str) -> PurePosixPath:
    """A name in an archive or a table as a path; some programs for Windows separate its parts by backslashes."""
    return PurePosixPath(member.replace("\\", "/"))


def _hidden(member: str) -> bool:
    parts = _path(member).parts
    return any((part.startswith(".") and part != "..") or part == "__MACOSX" for part in parts)


def _reason(error: Exception) -> str:
    message = error.strerror if isinstance(error, OSError) else str(error)
    return " ".join((message or type(error).__name__).split())
