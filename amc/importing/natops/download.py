"""Downloads the public archive of NATOPS: resumable, checked against the server's sizes, and safe to kill.

An incomplete file is called `.NAME.partial`. Beside it, `.NAME.json` records the URL, size and version that the server
gave, so that a later run can tell whether to resume. A complete file whose size matches its `.NAME.json` is not
requested again.
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
from typing import TypeVar
from urllib.parse import urljoin

import requests

from amc.atomic import atomic_write
from amc.cache import locked
from amc.data.procedural_marker import MARKER
from amc.errors import UserError
from amc.importing.remote import (
    FileNotOnServer,
    RangeNotSatisfiable,
    RemoteFile,
    TransferInterrupted,
    describe_file,
    folder_url,
    open_file,
    open_session,
)
from amc.progress import Progress

ARCHIVE = "http://groups.csail.mit.edu/mug/natops/archive/"
# The small file first, so that a wrong URL is reported before anything large is sent.
FILES = ("segmentation.txt", *(f"gesture{number:02d}.zip" for number in range(1, 25)))

_ATTEMPTS = 5  # in a row without a single new byte
_MB = 1_000_000
_RESUME = "what was received is kept; rerun the command to resume"

Result = TypeVar("Result")


def fetch(
    base_url: str,
    folder: Path,
    progress: Progress | None = None,
    *,
    files: tuple[str, ...] = FILES,
    pause: Callable[[float], None] = time.sleep,
) -> Path:
    """Downloads the files of an archive into a folder. Complete files are kept, incomplete ones resumed.

    Args:
        base_url: http or https URL of the archive's folder; `ARCHIVE` is the public one.
        folder: created if missing.
        progress: called with (megabytes present, megabytes in total, file name).
        files: names under `base_url`.
        pause: waits this many seconds between attempts.

    Returns:
        The folder.

    Raises:
        UserError: a wrong URL, a missing file, a server that cannot be reached or contradicts itself, a file of
            another size in the folder, a full disk, or another process that downloads into the folder.
    """
    base = folder_url(base_url)
    folder = Path(folder).expanduser().absolute()
    wanted = [_Download(folder / name, urljoin(base, name)) for name in files]
    if not all(each.is_complete() for each in wanted):
        # Before the large files, so that procedural videos never lie there without their marker.
        wanted.insert(1, _Download(folder / MARKER, urljoin(base, MARKER), optional=True))
    with locked(folder, wait=False):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot write {folder}: {error.strerror or error}") from error
        with open_session() as session:
            _fetch(_Client(session, pause), wanted, folder, progress)
    return folder


@dataclass(frozen=True)
class _Download:
    """One file to download: where it is stored and where it comes from."""

    path: Path
    url: str
    optional: bool = False  # the server need not have it

    @property
    def partial(self) -> Path:
        return self.path.with_name(f".{self.path.name}.partial")

    @property
    def record(self) -> Path:
        return self.path.with_name(f".{self.path.name}.json")

    def received(self) -> int:
        """Size of the incomplete file in bytes."""
        return self.partial.stat().st_size if self.partial.is_file() else 0

    def recorded(self) -> RemoteFile | None:
        """Size and version of the file at this URL, as recorded in an earlier run; None without a valid record."""
        try:
            content = json.loads(self.record.read_text(encoding="utf-8"))
            size, version = content["size"], content["version"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        valid = (size is None or type(size) is int) and (version is None or type(version) is str)
        return RemoteFile(size, version) if valid and content.get("url") == self.url else None

    def save_record(self, remote: RemoteFile) -> None:
        """Records the size and version that the server gave."""
        with atomic_write(self.record, exclusive=True) as temporary:
            temporary.write_text(json.dumps({"url": self.url, "size": remote.size, "version": remote.version}))

    def is_complete(self) -> bool:
        """Whether an earlier run downloaded the file and its size is unchanged."""
        recorded = self.recorded()
        return recorded is not None and self.path.is_file() and self.path.stat().st_size == recorded.size

    def check_existing(self, remote: RemoteFile) -> None:
        """Raises a `UserError` if the file that is already there does not have the server's size."""
        size = self.path.stat().st_size
        if not self.path.is_file() or remote.size not in (None, size):
            raise UserError(
                f"{self.path} has {size} bytes, but {self.url} has {remote.size}: move it away to download it again"
            )

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turns errors of the disk into a `UserError`."""
        try:
            yield
        except OSError as error:
            raise UserError(f"cannot write {self.path}: {error.strerror or error}; {_RESUME}") from error


def _fetch(client: _Client, wanted: list[_Download], folder: Path, progress: Progress | None) -> None:
    present = 0  # bytes of complete files
    missing: list[tuple[_Download, RemoteFile]] = []
    for each in wanted:
        if not each.is_complete():
            remote = client.describe(each)
            if remote is None:
                continue
            if not each.path.exists():
                missing.append((each, remote))
                continue
            each.check_existing(remote)
        present += each.path.stat().st_size
    total = present + sum(remote.size or 0 for _, remote in missing)
    _check_space(folder, total - present - sum(each.received() for each, _ in missing))
    for each, remote in missing:

        def report(received: int, before: int = present, name: str = each.path.name) -> None:
            if progress is not None:
                progress((before + received) // _MB, -(-total // _MB), name)

        if client.download(each, remote, report):
            present += each.path.stat().st_size
    if progress is not None:
        progress(-(-total // _MB), -(-total // _MB))


def _check_space(folder: Path, needed: int) -> None:
    if needed > (free := shutil.disk_usage(folder).free):
        raise UserError(
            f"{folder}: the download needs {needed / _MB:.0f} MB, and the disk has {free / _MB:.0f} MB left: free some "
            "space and rerun the command, or choose another folder"
        )


@dataclass(frozen=True)
class _Client:
    """Downloads single files; retries as long as new bytes arrive."""

    session: requests.Session
    pause: Callable[[float], None]

    def describe(self, file: _Download) -> RemoteFile | None:
        """Size and version of the file on the server; None if the file is optional and missing there."""
        try:
            return self._retry(lambda: describe_file(self.session, file.url), file)
        except FileNotOnServer:
            if file.optional:
                return None
            raise

    def download(self, file: _Download, remote: RemoteFile, report: Callable[[int], None]) -> bool:
        """Downloads a file, or the rest of it; returns False if the file is optional and missing on the server."""
        recorded = file.recorded()
        with file.writing():
            too_long = remote.size is not None and file.received() > remote.size
            if recorded is None or _differ(recorded, remote) or too_long:
                file.partial.unlink(missing_ok=True)
        if remote.size is None or file.received() < remote.size or remote.size == 0:
            try:
                self._retry(lambda: self._receive(file, remote, report), file)
            except FileNotOnServer:
                if file.optional:
                    return False
                raise
        if file.path.suffix == ".zip" and not zipfile.is_zipfile(file.partial):
            file.partial.unlink()
            raise UserError(f"{file.url}: the server sent something that is not a zip file; give the archive's URL")
        with file.writing():
            os.replace(file.partial, file.path)
        return True

    def _receive(self, file: _Download, remote: RemoteFile, report: Callable[[int], None]) -> None:
        """Appends the missing bytes to the partial file.

        Raises:
            TransferInterrupted: bytes are still missing, or the file has changed on the server; valid bytes are kept.
            UserError: contradictory sizes, or a disk that cannot be written.
        """
        recorded = file.recorded()
        try:
            with open_file(self.session, file.url, file.received(), recorded.version if recorded else None) as opened:
                sent, chunks = opened
                if sent.start and recorded and _differ(recorded, sent):
                    file.partial.unlink()
                    raise TransferInterrupted("the file has changed on the server")
                size = _agreed_size(file, remote, sent)
                received = _append(file, RemoteFile(size, sent.version, sent.start), chunks, report)
        except RangeNotSatisfiable:
            # The partial file is at least as long as the server's. Without a known size it cannot be trusted.
            file.partial.unlink()
            raise
        if size is None:
            with file.writing():
                file.save_record(RemoteFile(received, sent.version))
        elif received > size:
            file.partial.unlink()
            raise UserError(f"{file.url}: expected {size} bytes, received {received}: try again later")
        elif received < size:
            raise TransferInterrupted(f"the connection ended after {received} of {size} bytes")

    def _retry(self, work: Callable[[], Result], file: _Download) -> Result:
        """Calls `work` until it succeeds; gives up after `_ATTEMPTS` attempts in a row that brought no new byte."""
        failures, most = 0, file.received()
        while True:
            try:
                return work()
            except TransferInterrupted as error:
                now = file.received()
                failures, most = (0, now) if now > most else (failures + 1, most)
                if failures >= _ATTEMPTS:
                    raise UserError(f"{file.url}: {error} ({_ATTEMPTS} attempts failed); {_RESUME}") from error
                self.pause(2.0 ** min(failures, 4))


def _agreed_size(file: _Download, described: RemoteFile, sent: RemoteFile) -> int | None:
    size = described.size if sent.size is None else sent.size
    if described.size not in (None, size):
        raise UserError(f"{file.url}: expected {described.size} bytes, but the server sends {size}: try again later")
    if size is None and not sent.chunked:
        raise UserError(f"{file.url}: the server does not give the file's size, so the download cannot be checked")
    return size


def _append(file: _Download, sent: RemoteFile, chunks: Iterator[bytes], report: Callable[[int], None]) -> int:
    """Writes what is sent to the partial file from `sent.start`; returns the file's length, also if it is too long."""
    with file.writing():
        # Unbuffered, so that closing has nothing left to write that could fail.
        stream = open(file.partial, "ab" if sent.start else "wb", buffering=0)  # noqa: SIM115 (closed below)
    with stream:
        if not sent.start:
            # After the old bytes are gone, so that the record never describes bytes of another version.
            with file.writing():
                file.save_record(sent)
        received = sent.start
        while (sent.size is None or received <= sent.size) and (chunk := next(chunks, b"")):
            with file.writing():
                while chunk:
                    chunk = chunk[stream.write(chunk) :]
            received = stream.tell()
            report(received)
        with file.writing():
            os.fsync(stream.fileno())
    return received


def _differ(one: RemoteFile, other: RemoteFile) -> bool:
    """Whether two descriptions belong to different versions of a file; unknown values match anything."""
    pairs = ((one.size, other.size), (one.version, other.version))
    return any(a is not None and b is not None and a != b for a, b in pairs)
