"""Reading one frame of a take with Pillow."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

_FORMATS = ("JPEG", "PNG", "BMP")
_ORIENTATION = 0x0112  # the EXIF tag
MOST_PIXELS = 50_000_000  # a picture that says it has more is a mistake or an attack

# What Pillow is known to raise on damaged and foreign files.
_PROBLEMS = (
    *(OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError, MemoryError),
    *(OverflowError, ZeroDivisionError, NotImplementedError, AssertionError, RuntimeError, struct.error),
    Image.DecompressionBombError,
)


class BadPicture(Exception):
    """A picture that cannot be read; the message is the reason, without the file's name."""


def read_picture(path: Path) -> NDArray[np.uint8]:
    """A picture as uint8 (H, W, 3) RGB, turned upright as its EXIF data say (OpenCV, and so OpenFace, does the same).

    Raises:
        BadPicture: it is missing, damaged, cut short, larger than `MOST_PIXELS`, or of another format.
    """
    try:
        with warnings.catch_warnings():
            # On doubtful metadata, which nobody here reads; sizes are checked below.
            warnings.simplefilter("ignore")
            with Image.open(path, formats=_FORMATS) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    raise BadPicture(f"it says it has {picture.width}x{picture.height} pixels")
                picture.load()
                # Only where it is needed: each of both would copy the picture.
                upright = picture if picture.getexif().get(_ORIENTATION, 1) == 1 else ImageOps.exif_transpose(picture)
                return np.asarray(upright if upright.mode == "RGB" else upright.convert("RGB"), dtype=np.uint8)
    except _PROBLEMS as error:
        raise BadPicture(
            f"damaged or no picture ({' '.join(str(error).split())[:80] or type(error).__name__})"
        ) from error
