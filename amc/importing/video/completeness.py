"""Whether a video file has all the bytes that its structure announces.

Durations and frame counts in headers are often wrong in files that lack nothing. So a video that seems too short is
looked at here: its elements state their sizes, and the last of them ends in the file or beyond it.

Sources: ISO/IEC 14496-12 (MP4, MOV), RFC 8794 and RFC 9559 (Matroska, WebM), Microsoft's AVI RIFF File Reference and
Advanced Systems Format Specification (WMV), and Adobe's Video File Format Specification 10.1 (FLV).
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675  # Matroska
_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_SLACK = 8  # bytes: some programs miscount their headers or pad the file


@dataclass(frozen=True)
class Structure:
    """What the structure of a file says.

    Attributes:
        complete: whether all elements with frames end in the file.
        end: position after the last of these elements.
    """

    complete: bool
    end: int


def structure(path: Path, container: str) -> Structure | None:
    """Follows the elements of a file; None if its kind has no sizes, or states none.

    Args:
        path: the file.
        container: FFmpeg's name of its format, such as `mov,mp4,m4a,3gp,3g2,mj2`.

    Raises:
        OSError: the file cannot be read.
    """
    names = container.split(",")
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            if "mp4" in names:
                return _boxes(file, size)
            if "matroska" in names:
                return _elements(file, size)
            if "avi" in names:
                return _chunks(file, size)
            if "flv" in names:
                return _tags(file, size)
            if "asf" in names:
                return _objects(file, size)
        except struct.error:  # the file ends in the head of an element
            return Structure(False, size)
    return None


def _boxes(file: BinaryIO, size: int) -> Structure:
    at = end = 0
    seen = set()
    while size - at >= _SLACK:
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        if length == 1:
            (length,) = struct.unpack(">Q", file.read(8))
        if not kind.strip(b"\xa9").replace(b" ", b"").isalnum() or length in range(2, 8):
            break  # no box: padding, or something else behind the video
        at = size if length == 0 else at + length
        seen.add(kind)
        if kind == b"mdat":
            end = at
        if at > size and kind in (b"mdat", b"moof", b"moov"):
            return Structure(False, size)
    return Structure({b"moov", b"mdat"} <= seen, min(end, size))


def _elements(file: BinaryIO, size: int) -> Structure | None:
    at = end = 0
    last = size
    known = True
    while at < last:
        file.seek(at)
        kind, length, head = _element(file.read(12))
        if kind is None:
            return Structure(False, at)
        at += head
        if kind == _SEGMENT:
            known = length is not None
            last = min(size, at + (length or size))
            if length is not None and at + length > size:
                return Structure(False, size)
            continue
        if length is None:
            return Structure(True, size) if known else None  # a live recording, whose clusters have no sizes
        at += length
        if kind == _CLUSTER:
            end = at
            if at > size:
                return Structure(False, size)
    return Structure(True, end)


def _element(data: bytes) -> tuple[int | None, int | None, int]:
    """ID of an EBML element, None if there is none; its length, None if unknown; and the bytes of both."""
    if not data or data[0] < 0x10:
        return None, None, 0
    bytes_of_id = 9 - data[0].bit_length()
    if len(data) <= bytes_of_id or data[bytes_of_id] == 0:
        return None, None, 0
    bytes_of_length = 9 - data[bytes_of_id].bit_length()
    head = bytes_of_id + bytes_of_length
    if len(data) < head:
        return None, None, 0
    mask = (1 << 7 * bytes_of_length) - 1
    length = int.from_bytes(data[bytes_of_id:head], "big") & mask
    return int.from_bytes(data[:bytes_of_id], "big"), None if length == mask else length, head


def _chunks(file: BinaryIO, size: int) -> Structure | None:
    at = end = 0
    while size - at >= 12:
        file.seek(at)
        kind, length = struct.unpack("<4sI", file.read(8))
        if kind != b"RIFF":
            break
        if length in (0, 0xFFFFFFFF):
            return None  # never completed
        inner, last = at + 12, at + 8 + length
        while last - inner >= _SLACK and size - inner >= _SLACK:
            file.seek(inner)
            kind, length = struct.unpack("<4sI", file.read(8))
            if not kind.strip().isalnum():
                return Structure(False, inner)
            name = file.read(4) if kind == b"LIST" else b""
            inner += 8 + length + length % 2
            if name == b"movi":
                end = inner
                if inner > size + _SLACK:
                    return Structure(False, size)
        if last > size + _SLACK and not end:
            return Structure(False, size)
        at = last + last % 2
    return Structure(bool(end), min(end, size)) if size - at < max(_SLACK, size // 10) else None


def _tags(file: BinaryIO, size: int) -> Structure:
    file.seek(5)
    (at,) = struct.unpack(">I", file.read(4))
    at += 4  # the size of the tag before the first one
    while at < size:
        file.seek(at)
        (head,) = struct.unpack(">I", file.read(4))
        if head >> 24 & 0x1F not in (8, 9, 18):
            return Structure(False, at)
        at += 15 + (head & 0xFFFFFF)
    return Structure(at <= size, min(at, size))


def _objects(file: BinaryIO, size: int) -> Structure | None:
    at = 0
    while at < size:
        file.seek(at)
        kind, length = struct.unpack("<16sQ", file.read(24))
        if length < 24:
            return None  # never completed, as in a stream
        at += length
        if kind == _ASF_DATA or at > size:
            return Structure(at <= size, min(at, size))
    return Structure(False, size)
