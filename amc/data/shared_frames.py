"""Frames shared by all processes of a machine, in an uncompressed file that each process memory-maps.

The operating system caches the file, so a process needs no memory of its own for it, starts immediately and reads
only the clips that it uses. `frames/NAME.npy` in the cache folder has a NumPy header and the array, uint8
(N, T, H, W, 3), then a CRC-32 of each clip (uint32, little-endian) and a SHA-256 that ties them to the clip file. The
file appears when it is complete; a damaged or different one is replaced.
"""

from __future__ import annotations

import errno
import hashlib
import io
import math
import os
import shutil
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amc.cache import cache_dir, make_once
from amc.errors import UserError
from amc.progress import console

SETTING = "AMC_FRAMES"  # environment variable: where frames are kept, one of `PLACES`
PLACES = ("auto", "memory", "mapped")
SMALL = 64 * 1024**2  # bytes; with "auto", smaller data sets are not worth a file
KEPT = 4  # maximum number of files; the least recently used are deleted
FORMAT = 1  # version of the file format; part of the file name
_ABANDONED = 24 * 3600.0  # seconds without changes after which a partial file is deleted
_SAMPLED = 16  # clips whose content is checked when the file is opened
_SUM = np.dtype("<u4")


@dataclass(frozen=True)
class Wanted:
    """The frames that processes share.

    Attributes:
        fingerprint: fingerprint of the clip file.
        rule: how clips are cut to T frames; one word, part of the file name.
        shape: (N, T, H, W, 3).
        beside: digest of everything in the clip file except frames, which the fingerprint covers too.
    """

    fingerprint: str
    rule: str
    shape: tuple[int, int, int, int, int]
    beside: str

    @property
    def size(self) -> int:
        """Size of the frames in bytes."""
        return math.prod(self.shape)

    @property
    def path(self) -> Path:
        """The file in the cache folder."""
        _, time, height, _, _ = self.shape
        return folder() / f"{self.fingerprint[:32]}-{time}x{height}-{self.rule}-v{FORMAT}.npy"

    @property
    def header(self) -> bytes:
        """The NumPy header at the start of the file."""
        out = io.BytesIO()
        np.lib.format.write_array_header_1_0(out, {"descr": "|u1", "fortran_order": False, "shape": self.shape})
        return out.getvalue()

    def seal(self, sums: NDArray[np.uint32]) -> bytes:
        """The last 32 bytes of a complete file with these frames."""
        about = f"{FORMAT} {self.fingerprint} {self.rule} {self.shape} {self.beside}"
        return hashlib.sha256(about.encode() + sums.astype(_SUM).tobytes()).digest()


def folder() -> Path:
    """The folder of shared frames."""
    return cache_dir() / "frames"


def to_be_shared(size: int) -> bool:
    """Whether frames of `size` bytes are memory-mapped, instead of kept in each process's memory.

    Raises:
        UserError: $AMC_FRAMES is not one of `PLACES`.
    """
    place = _place()
    return place == "mapped" or (place == "auto" and size >= SMALL)


def shared(wanted: Wanted, clips: Callable[[], Iterator[NDArray[np.uint8]]]) -> NDArray[np.uint8] | None:
    """Maps the frames read-only, after writing the file if no process has done so.

    Args:
        wanted: the frames.
        clips: yields them clip by clip, uint8 (T, H, W, 3), and checks the fingerprint of the clip file.

    Returns:
        uint8 (N, T, H, W, 3); None, with a line on standard error, if the file cannot be written or mapped.

    Raises:
        UserError: `clips` raises it, or the file cannot be written and $AMC_FRAMES is "mapped".
    """
    path = wanted.path
    found = _mapped(path, wanted)
    try:
        if found is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not os.access(path.parent, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            make_once(path, partial(_write, wanted, clips), usable=lambda there: _mapped(there, wanted) is not None)
            found = _mapped(path, wanted)
        problem = "" if found is not None else "it cannot be mapped into memory"
    except OSError as error:
        problem = error.strerror or str(error)
    if found is not None:
        with suppress(OSError):  # the folder belongs to another user
            os.utime(path)
        return found
    if _place() == "mapped":
        raise UserError(f"cannot share frames in {path}: {problem}; make room, set AMC_CACHE, or unset {SETTING}")
    print(
        f"cannot share frames in {path}: {problem}; this process keeps {wanted.size / 1e6:.0f} MB in memory",
        file=sys.stderr,
    )
    return None


def _place() -> str:
    place = os.environ.get(SETTING) or "auto"
    if place not in PLACES:
        raise UserError(f"{SETTING}={place}: choose one of {', '.join(PLACES)}")
    return place


def _write(wanted: Wanted, clips: Callable[[], Iterator[NDArray[np.uint8]]], path: Path) -> None:
    # Written, not mapped: a full disk then raises an error instead of a signal.
    _tidy(path.parent)
    free = shutil.disk_usage(path.parent).free
    if free < wanted.size:
        raise OSError(errno.ENOSPC, f"it needs {wanted.size / 1e6:.0f} MB, but {free / 1e6:.0f} MB are free")
    sums = np.zeros(wanted.shape[0], _SUM)
    with path.open("wb") as out, console(f"writing shared frames to {path.parent}", "clip") as progress:
        out.write(wanted.header)
        for i, clip in enumerate(clips()):
            content = np.ascontiguousarray(clip)
            out.write(content.data)
            sums[i] = zlib.crc32(content.data)
            progress(i + 1, len(sums))
        out.write(sums.tobytes() + wanted.seal(sums))
        out.flush()
        os.fsync(out.fileno())  # so that a crash cannot leave an incomplete file


def _mapped(path: Path, wanted: Wanted) -> NDArray[np.uint8] | None:
    """The frames of the file, read-only; None if it is missing, truncated, damaged or has other frames."""
    try:
        with path.open("rb") as file:
            header, count = wanted.header, wanted.shape[0]
            start = len(header)
            if file.read(start) != header:
                return None
            file.seek(start + wanted.size)
            sums = np.frombuffer(file.read(count * _SUM.itemsize), _SUM)
            if file.read() != wanted.seal(sums):
                return None
            frames = np.memmap(file, np.uint8, "r", start, wanted.shape).view(np.ndarray)
    except (OSError, ValueError):  # missing, or another kind of file
        return None
    some = np.linspace(0, count - 1, min(count, _SAMPLED)).astype(int)
    return frames if all(zlib.crc32(frames[i]) == sums[i] for i in some) else None


def _tidy(place: Path) -> None:
    """Deletes the least recently used files. Processes that have mapped them keep their content."""
    used = []
    for path in place.iterdir():
        with suppress(OSError):  # deleted by another process
            age = path.stat().st_mtime
            if path.suffix == ".npy":
                used.append((age, path))
            elif path.suffix == ".partial" and time.time() - age > _ABANDONED:
                path.unlink()
    for _, path in sorted(used, reverse=True)[KEPT - 1 :]:
        with suppress(OSError):  # some systems do not delete mapped files
            path.unlink()
