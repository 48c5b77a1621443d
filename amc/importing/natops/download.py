"""Fetches NATOPS' public archive: resumable, checked against the sizes that the server gives, and safe to kill.

A file under way is called `.NAME.partial`. Beside it `.NAME.json` keeps the address, size and version that the server
gave, by which a later run tells whether it may go on; beside a complete file it says that nothing need be asked.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urljoin
from urllib.request import OpenerDirector

from amc.atomic import atomic_write
from amc.cache import locked
from amc.errors import UserError
from amc.importing.origin import MADE
from amc.importing.remote import Answer, Cut, Missing, PastEnd, ask, base_address, opener, sent
from amc.progress import Progress

ARCHIVE = "http://groups.csail.mit.edu/mug/natops/archive/"
# The small one first: whoever gives a wrong address need not wait for a large one.
FILES = ("segmentation.txt", *(f"gesture{number:02d}.zip" for number in range(1, 25)))

_ATTEMPTS = 5  # that gain not one byte
_CHUNK = 1 << 18  # bytes
_MB = 1_000_000

Result = TypeVar("Result")


def fetch(
    base_url: str,
    folder: Path,
    progress: Progress | None = None,
    *,
    files: tuple[str, ...] = FILES,
    pause: Callable[[float], None] = time.sleep,
) -> Path:
    """Download files of an archive into a folder; those that are there stay, and what was cut short goes on.

    Args:
        base_url: the folder of the archive, http or https; `ARCHIVE` is the public one.
        folder: made where it is not there.
        progress: called with (megabytes there, megabytes in all, the file's name).
        files: names under `base_url`.
        pause: waits so many seconds between attempts.

    Returns:
        The folder.

    Raises:
        UserError: no such address or file, a server that can't be reached or contradicts itself, a file of another
            size in the folder, too small a disk, or another process that downloads into the folder.
    """
    base = base_address(base_url)
    folder = Path(folder).expanduser().absolute()
    places = [_Place(folder / name, urljoin(base, name)) for name in files]
    # Before the large ones, so that no recording is here without it.
    marked = [*places[:1], _Place(folder / MADE, urljoin(base, MADE), optional=True), *places[1:]]
    with locked(folder, wait=False):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot write {folder}: {error.strerror or error}") from error
        _fetch(places if all(place.complete() for place in places) else marked, folder, progress, pause)
    return folder


@dataclass(frozen=True)
class _Place:
    """One file: where it is to be, and where it comes from."""

    path: Path
    url: str
    optional: bool = False  # it need not be there

    @property
    def partial(self) -> Path:
        return self.path.with_name(f".{self.path.name}.partial")

    @property
    def note(self) -> Path:
        return self.path.with_name(f".{self.path.name}.json")

    def started(self) -> int:
        """Bytes of the partial file; 0 where there is none."""
        return self.partial.stat().st_size if self.partial.is_file() else 0

    def known(self) -> Answer | None:
        """What the server said of the file at this address, as far as that is on record."""
        try:
            content = json.loads(self.note.read_text(encoding="utf-8"))
            size, version = content["size"], content["version"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        fits = (size is None or type(size) is int) and (version is None or type(version) is str)
        return Answer(size, version) if fits and content.get("url") == self.url else None

    def remember(self, answer: Answer) -> None:
        """Puts what the server says on record."""
        content = {"url": self.url, "size": answer.size, "version": answer.version}
        with atomic_write(self.note, exclusive=True) as partial:
            partial.write_text(json.dumps(content), encoding="utf-8")

    def complete(self) -> bool:
        """Whether an earlier run brought the file, and it is as it was."""
        known = self.known()
        return known is not None and self.path.is_file() and self.path.stat().st_size == known.size

    def check(self, answer: Answer) -> None:
        """Nothing, where the file that lies here, whoever put it there, has the server's size.

        Raises:
            UserError: it has another.
        """
        found = self.path.stat().st_size
        if not self.path.is_file() or answer.size not in (None, found):
            raise UserError(
                f"{self.path} has {found} bytes, and {self.url} has {answer.size}: move it away to download it again"
            )


def _fetch(places: list[_Place], folder: Path, progress: Progress | None, pause: Callable[[float], None]) -> None:
    director = opener()
    there = 0  # bytes of the files that are complete
    wanted: list[tuple[_Place, Answer]] = []
    for place in places:
        if not place.complete():
            try:
                answer = _asked(director, place, pause)
            except Missing:
                if place.optional:
                    continue
                raise
            if not place.path.exists():
                wanted.append((place, answer))
                continue
            place.check(answer)
        there += place.path.stat().st_size
    total = there + sum(answer.size or 0 for _, answer in wanted)
    missing = total - there - sum(place.started() for place, _ in wanted)
    if missing > (free := shutil.disk_usage(folder).free):
        raise UserError(
            f"{folder}: {missing / _MB:.0f} MB are to be downloaded, and the disk has {free / _MB:.0f} MB left: free "
            "some and run the command again, or choose another folder"
        )
    for place, answer in wanted:

        def report(gained: int, before: int = there, name: str = place.path.name) -> None:
            if progress is not None:
                progress((before + gained) // _MB, -(-total // _MB), name)

        try:
            _brought(director, place, answer, report, pause)
        except Missing:
            if place.optional:
                continue
            raise
        there += place.path.stat().st_size
    if progress is not None:
        progress(-(-total // _MB), -(-total // _MB))


def _asked(director: OpenerDirector, place: _Place, pause: Callable[[float], None]) -> Answer:
    return _patiently(lambda: ask(director, place.url), lambda: 0, place.url, pause)


def _brought(
    director: OpenerDirector,
    place: _Place,
    asked: Answer,
    report: Callable[[int], None],
    pause: Callable[[float], None],
) -> None:
    """Bring one file to its place."""
    known = place.known()
    with _writing(place):
        if known is None or _differ(known, asked) or (asked.size is not None and place.started() > asked.size):
            place.partial.unlink(missing_ok=True)
    if asked.size is None or place.started() < asked.size or asked.size == 0:
        _patiently(lambda: _body(director, place, asked, report), place.started, place.url, pause)
    if place.path.suffix == ".zip" and not zipfile.is_zipfile(place.partial):
        place.partial.unlink()
        raise UserError(f"{place.url}: what the server sends is no zip file; give the archive's address")
    with _writing(place):
        os.replace(place.partial, place.path)


def _body(director: OpenerDirector, place: _Place, asked: Answer, report: Callable[[int], None]) -> None:
    """Bring what is missing of the partial file.

    Raises:
        Cut: the rest did not come, or came from another version of the file; what fits is kept.
        UserError: sizes that contradict each other, or a disk that can't be written.
    """
    known = place.known()
    with _sent(director, place, known.version if known else None) as (answer, response):
        if answer.start and known and _differ(known, answer):
            place.partial.unlink()
            raise Cut("the file has changed on the server")
        size = asked.size if answer.size is None else answer.size
        if asked.size not in (None, size):
            raise UserError(f"{place.url}: the server speaks of {asked.size} bytes and sends {size}: try again later")
        if size is None and not answer.chunked:
            raise UserError(f"{place.url}: the server does not say how long it is, so that nothing can be checked")
        with _writing(place):
            # A note never speaks of bytes of another version: the partial file is emptied before it is written.
            # Unbuffered, so that closing has nothing left that could fail.
            file = open(place.partial, "ab" if answer.start else "wb", buffering=0)  # noqa: SIM115 (closed below)
        with file:
            if not answer.start:
                with _writing(place):
                    place.remember(Answer(size, answer.version))
            have = answer.start
            while (size is None or have <= size) and (chunk := response.read1(_CHUNK)):
                with _writing(place):
                    while chunk:
                        chunk = chunk[file.write(chunk) :]
                have = file.tell()
                report(have)
            with _writing(place):
                os.fsync(file.fileno())
    if size is None:
        with _writing(place):
            place.remember(Answer(have, answer.version))
    elif have > size:
        place.partial.unlink()
        raise UserError(f"{place.url}: {size} bytes were announced and {have} came: try again later")
    elif have < size:
        raise Cut(f"the connection ended after {have} of {size} bytes")


@contextmanager
def _sent(director: OpenerDirector, place: _Place, version: str | None) -> Iterator[tuple[Answer, Any]]:
    try:
        with sent(director, place.url, place.started(), version) as found:
            yield found
    except PastEnd:
        # Longer than the server's file, or as long: without a size to go by it must come anew.
        place.partial.unlink()
        raise


def _differ(one: Answer, other: Answer) -> bool:
    """Whether the two speak of different versions of a file; what either does not say counts for nothing."""
    pairs = ((one.size, other.size), (one.version, other.version))
    return any(a is not None and b is not None and a != b for a, b in pairs)


def _patiently(
    work: Callable[[], Result], reached: Callable[[], int], url: str, pause: Callable[[float], None]
) -> Result:
    """What `work` gives, tried again while it is cut short; `reached` tells how many bytes there are.

    Raises:
        UserError: so many attempts in a row brought nothing.
    """
    failures, most = 0, reached()
    while True:
        try:
            return work()
        except Cut as cut:
            now = reached()
            failures, most = (0, now) if now > most else (failures + 1, most)
            if failures >= _ATTEMPTS:
                raise UserError(
                    f"{url}: {cut}, {_ATTEMPTS} times in a row; what came is kept, and the same command goes on"
                ) from cut
            pause(2.0 ** min(failures, 4))


@contextmanager
def _writing(place: _Place) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot write {place.path}: {error.strerror or error}; what came is kept, and the same command goes on"
        ) from error
