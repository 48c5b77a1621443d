"""Turns pictures of any kind into 8-bit RGB, including those with 16 bits or floating-point values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def rgb_pixels(image: Image.Image) -> NDArray[np.uint8]:
    """The pixels of a loaded image as uint8 (H, W, 3).

    Integers of 16 bits are divided by 257, as the full range of PNG's 16 bits is white. Floating-point values are taken
    as fractions of white if none is above 1, else as 8 or 16 bits.

    Raises:
        ValueError: the values have no known range.
    """
    if not image.mode.startswith(("I", "F")):
        return np.asarray(image if image.mode == "RGB" else image.convert("RGB"), dtype=np.uint8)
    values = np.asarray(image).astype(np.float64)
    if not np.isfinite(values).all() or values.min() < 0:
        raise ValueError("it has negative or non-finite values; save it as an 8-bit image")
    highest = values.max()
    if image.mode.startswith("I;16"):
        white = 65535.0
    elif image.mode == "F" and highest <= 1:
        white = 1.0
    elif highest <= 65535:
        white = 255.0 if highest <= 255 else 65535.0
    else:
        raise ValueError(f"it has values up to {highest:g}, so its white level is unknown; save it as an 8-bit image")
    grey = np.rint(values * (255 / white)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
