"""Checks whether a GIF file is complete by following its blocks to the end mark.

A GIF file does not state its number of frames, and decoders return the frames before the damage without an error, so
this is the only way to detect missing frames. Source: GIF89a specification, W3C.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

_HEADER, _DESCRIPTOR = 13, 9  # bytes: header with logical screen descriptor, image descriptor


def gif_problem(path: Path, decoded: int) -> str | None:
    """Why a GIF file is incomplete, given the number of decoded frames; None if it is complete.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as stream:
        frames = _count_frames(stream)
    if frames is None:
        return "truncated or damaged: no end mark"
    return f"truncated: {decoded} of {frames} frames" if decoded < frames else None


def _count_frames(stream: BinaryIO) -> int | None:
    """Number of frames before the end mark; None if the blocks do not lead to one."""
    header = stream.read(_HEADER)
    if len(header) < _HEADER or not header.startswith(b"GIF8"):
        return None
    stream.seek(_palette_size(header[10]), 1)
    frames = 0
    while True:
        kind = stream.read(1)
        if kind == b";":
            return frames
        if kind == b"!":
            stream.seek(1, 1)
        elif kind == b",":
            descriptor = stream.read(_DESCRIPTOR)
            if len(descriptor) < _DESCRIPTOR:
                return None
            stream.seek(_palette_size(descriptor[8]) + 1, 1)
            frames += 1
        else:
            return None
        # Data sub-blocks start with their length; one of length 0 is the last.
        while length := stream.read(1):
            if length == b"\0":
                break
            stream.seek(length[0], 1)


def _palette_size(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
