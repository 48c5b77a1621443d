"""Checks picture files: a file that a full disk or a killed process left incomplete counts as missing."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from PIL import Image

UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)
"""Exceptions that Pillow raises if a file is missing, truncated or not a picture."""


def is_readable(path: Path) -> bool:
    """Whether all frames of the picture can be decoded."""
    try:
        with Image.open(path) as image:
            for place in range(getattr(image, "n_frames", 1)):
                image.seek(place)
                image.load()
    except UNREADABLE:
        return False
    return True
