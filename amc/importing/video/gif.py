"""Whether a GIF file is all there: its blocks lead from one to the next up to an end mark.

Nothing in the file announces how many pictures it has, and decoders show what they find, so this is the only way to
tell that some are missing. Source: GIF89a specification, W3C.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

_HEADER, _PICTURE = 13, 9  # bytes of the header with the screen's description, and of a picture's


def gif_problem(path: Path, shown: int) -> str | None:
    """Why a GIF file of which so many pictures were decoded is not whole; None where it is.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        pictures = _pictures(stream)
    if pictures is None:
        return "cut short or damaged: no end mark where one should be"
    return f"cut short: {shown} of {pictures} frames" if shown < pictures else None


def _pictures(stream: BinaryIO) -> int | None:
    """How many pictures there are up to the end mark; None where there is no way to it."""
    header = stream.read(_HEADER)
    if len(header) < _HEADER or not header.startswith(b"GIF8"):
        return None
    stream.seek(_palette(header[10]), 1)
    pictures = 0
    while True:
        kind = stream.read(1)
        if kind == b";":
            return pictures
        if kind == b"!":
            stream.seek(1, 1)
        elif kind == b",":
            picture = stream.read(_PICTURE)
            if len(picture) < _PICTURE:
                return None
            stream.seek(_palette(picture[8]) + 1, 1)
            pictures += 1
        else:
            return None
        # Data: pieces that begin with their length, up to one of length 0.
        while length := stream.read(1):
            if length == b"\0":
                break
            stream.seek(length[0], 1)


def _palette(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
