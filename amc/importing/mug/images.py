"""Reads the frames of a take, which are image files, with Pillow."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from amc.data.pictures import rgb_pixels

_FORMATS = ("JPEG", "PNG", "BMP")
_ORIENTATION = 0x0112  # the EXIF tag
MOST_PIXELS = 50_000_000  # an image header with more is damaged or malicious

# What Pillow raises for damaged files and files of other kinds.
_PROBLEMS = (
    *(OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError, MemoryError),
    *(OverflowError, ZeroDivisionError, NotImplementedError, AssertionError, RuntimeError, struct.error),
    Image.DecompressionBombError,
)


class ImageError(Exception):
    """An image that cannot be read; the message is the reason without the file name."""


def read_image(path: Path) -> NDArray[np.uint8]:
    """Reads an image as uint8 (H, W, 3) RGB, rotated as its EXIF data say, as OpenCV and so OpenFace do.

    Raises:
        ImageError: the file is missing, damaged, truncated, larger than `MOST_PIXELS`, or of another format.
    """
    try:
        with warnings.catch_warnings():
            # Warnings are about metadata that is not used, and about sizes, which are checked below.
            warnings.simplefilter("ignore")
            with Image.open(path, formats=_FORMATS) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    raise ImageError(f"too large: {picture.width}x{picture.height} pixels")
                picture.load()
                # Only if necessary, because each of the two conversions copies the image.
                upright = picture if picture.getexif().get(_ORIENTATION, 1) == 1 else ImageOps.exif_transpose(picture)
                return rgb_pixels(upright)
    except _PROBLEMS as error:
        raise ImageError(
            f"damaged or not an image ({' '.join(str(error).split())[:80] or type(error).__name__})"
        ) from error
