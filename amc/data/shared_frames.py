"""One copy of a data set's frames for all processes of a machine: an uncompressed file that each of them maps.

The operating system reads it once and keeps it as long as there is room, so a process takes no memory of its own for
it, starts at once and touches only the clips it asks for. `frames/NAME.npy` in the cache folder holds numpy's header
and the array, uint8 (N, T, H, W, 3), then a CRC-32 of each clip (uint32, little-endian) and a SHA-256 that ties those
to the clip file. It appears when it is complete, and one that is damaged or not as asked for is made anew.
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

SETTING = "AMC_FRAMES"  # environment: where frames are held, one of `PLACES`
PLACES = ("auto", "memory", "mapped")
SMALL = 64 * 1024**2  # bytes; fewer are read faster from the clip file than an own copy of them is worth a file
KEPT = 4  # files; of more, those that were not used for longest go
FORMAT = 1  # of the file; part of its name
_ABANDONED = 24 * 3600.0  # seconds that a file under construction may be left alone by its maker
_SAMPLED = 16  # clips whose content is checked at each opening
_SUM = np.dtype("<u4")


@dataclass(frozen=True)
class Wanted:
    """Frames that processes are to share.

    Attributes:
        fingerprint: of the clip file they come from.
        rule: how its clips were cut to T frames; one word, for the file's name.
        shape: N, T, H, W, 3.
        beside: digest of what the clip file holds beside frames; where it differs, the fingerprint was not checked.
    """

    fingerprint: str
    rule: str
    shape: tuple[int, int, int, int, int]
    beside: str

    @property
    def size(self) -> int:
        """Bytes of the frames."""
        return math.prod(self.shape)

    @property
    def path(self) -> Path:
        """Where they lie in the cache folder."""
        _, time, height, _, _ = self.shape
        return folder() / f"{self.fingerprint[:32]}-{time}x{height}-{self.rule}-v{FORMAT}.npy"

    @property
    def header(self) -> bytes:
        """numpy's, which the file begins with."""
        out = io.BytesIO()
        np.lib.format.write_array_header_1_0(out, {"descr": "|u1", "fortran_order": False, "shape": self.shape})
        return out.getvalue()

    def seal(self, sums: NDArray[np.uint32]) -> bytes:
        """32 bytes that only the complete file for these frames ends with."""
        about = f"{FORMAT} {self.fingerprint} {self.rule} {self.shape} {self.beside}"
        return hashlib.sha256(about.encode() + sums.astype(_SUM).tobytes()).digest()


def folder() -> Path:
    """Where shared frames lie."""
    return cache_dir() / "frames"


def to_be_shared(size: int) -> bool:
    """Whether frames of `size` bytes are mapped, and not held in each process's own memory.

    Raises:
        UserError: $AMC_FRAMES is none of `PLACES`.
    """
    place = _place()
    return place == "mapped" or (place == "auto" and size >= SMALL)


def shared(wanted: Wanted, clips: Callable[[], Iterator[NDArray[np.uint8]]]) -> NDArray[np.uint8] | None:
    """The frames, mapped read-only; written first where no process of this machine has done so.

    Args:
        wanted: which ones.
        clips: gives them clip by clip, uint8 (T, H, W, 3), checked against the clip file's fingerprint.

    Returns:
        uint8 (N, T, H, W, 3); None, with a line on standard error, where they cannot be written or mapped.

    Raises:
        UserError: what `clips` raises; or they cannot be written, and $AMC_FRAMES asks for it.
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
        with suppress(OSError):  # another's cache folder: then its owner's use counts
            os.utime(path)
        return found
    if _place() == "mapped":
        raise UserError(f"cannot share frames in {path}: {problem}; make room, set AMC_CACHE, or unset {SETTING}")
    print(
        f"cannot share frames in {path}: {problem}; this process holds {wanted.size / 1e6:.0f} MB of its own",
        file=sys.stderr,
    )
    return None


def _place() -> str:
    place = os.environ.get(SETTING) or "auto"
    if place not in PLACES:
        raise UserError(f"{SETTING}={place}: choose one of {', '.join(PLACES)}")
    return place


def _write(wanted: Wanted, clips: Callable[[], Iterator[NDArray[np.uint8]]], path: Path) -> None:
    # Written, not mapped: a full disk is then an error that can be caught, and not a signal.
    _tidy(path.parent)
    free = shutil.disk_usage(path.parent).free
    if free < wanted.size:
        raise OSError(errno.ENOSPC, f"{wanted.size / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free")
    sums = np.zeros(wanted.shape[0], _SUM)
    with path.open("wb") as out, console(f"laying out frames to share, {path.parent}", "clip") as progress:
        out.write(wanted.header)
        for i, clip in enumerate(clips()):
            content = np.ascontiguousarray(clip)
            out.write(content.data)
            sums[i] = zlib.crc32(content.data)
            progress(i + 1, len(sums))
        out.write(sums.tobytes() + wanted.seal(sums))
        out.flush()
        os.fsync(out.fileno())  # so that no crash leaves the name without the content


def _mapped(path: Path, wanted: Wanted) -> NDArray[np.uint8] | None:
    """The file's frames, read-only; None where it is not there, not what is wanted, cut short or damaged."""
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
    except (OSError, ValueError):  # not there, or no such file
        return None
    some = np.linspace(0, count - 1, min(count, _SAMPLED)).astype(int)
    return frames if all(zlib.crc32(frames[i]) == sums[i] for i in some) else None


def _tidy(place: Path) -> None:
    """Makes room for one more file. Who still maps one that goes keeps it until the end."""
    used = []
    for path in place.iterdir():
        with suppress(OSError):  # another process was faster
            age = path.stat().st_mtime
            if path.suffix == ".npy":
                used.append((age, path))
            elif path.suffix == ".partial" and time.time() - age > _ABANDONED:
                path.unlink()
    for _, path in sorted(used, reverse=True)[KEPT - 1 :]:
        with suppress(OSError):  # mapped, on a system that does not let it go then
            path.unlink()
