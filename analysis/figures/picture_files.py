"""Whether a picture file can be shown: what a full disk or a kill left of one counts as absent."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from PIL import Image

UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)
"""What Pillow raises on a file that is missing, cut short or no picture."""


def is_readable(path: Path) -> bool:
    """Whether every frame of a picture can be decoded."""
    try:
        with Image.open(path) as image:
            for place in range(getattr(image, "n_frames", 1)):
                image.seek(place)
                image.load()
    except UNREADABLE:
        return False
    return True
