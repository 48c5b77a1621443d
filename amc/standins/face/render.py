"""Renders the layers of a face, the background and the light.

Pillow truncates coordinates to whole pixels, so they are rounded first; and before that to 1/1024, so that coordinates
half-way between two pixels are rounded the same way on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from amc.data.similarity import Similarity
from amc.standins.face.curves import Array
from amc.standins.face.geometry import FRAME
from amc.standins.face.layers import Layer

_WALL = (184.0, 188.0, 192.0)  # MUG has one plain background


def wall(view: Similarity, size: int) -> NDArray[np.uint8]:
    """The background uint8 (size, size, 3): brightest behind the head, darker towards the corners."""
    x, y = _places(view, size)
    fall = 1.0 - 0.10 * x * x - 0.14 * y * y - 0.05 * x
    return np.asarray(np.clip(np.rint(fall[..., None] * np.array(_WALL)), 0, 255), dtype=np.uint8)


def paint(behind: NDArray[np.uint8], layers: Sequence[Layer], frames: int) -> Iterator[NDArray[np.uint8]]:
    """Draws the layers of each frame over the background (H, W, 3): T times uint8 (H, W, 3), unlit, read-only."""
    backdrop = Image.fromarray(behind)
    outlines = [np.floor(np.round(layer.outline * 1024) / 1024 + 0.5).reshape(frames, -1).tolist() for layer in layers]
    colours = [np.broadcast_to(layer.colour, (frames, 3)).tolist() for layer in layers]
    shown = [[True] * frames if layer.shown is None else layer.shown.tolist() for layer in layers]
    for t in range(frames):
        picture = backdrop.copy()
        draw = ImageDraw.Draw(picture)
        for outline, colour, visible in zip(outlines, colours, shown, strict=True):
            if visible[t]:
                draw.polygon(outline[t], fill=tuple(colour[t]))
        yield np.asarray(picture)


def lighting(view: Similarity, size: int, light: Sequence[float], shade: tuple[float, float]) -> NDArray[np.int32]:
    """Factors (size, size, 3), in units of 1/256, of a light from one side on a crop.

    Args:
        view: transform from the frame to the crop.
        size: height and width of the crop.
        light: factors on red, green and blue.
        shade: relative brightening from the centre of the frame to its right and to its lower edge.
    """
    x, y = _places(view, size)
    factor = np.clip(1.0 + shade[0] * x + shade[1] * y, 0.5, 1.4)[..., None] * np.array(light)
    return np.asarray(np.rint(factor * 256), dtype=np.int32)


def lit(pictures: NDArray[np.uint8], lights: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Frames (..., size, size, 3) multiplied by the factors of `lighting`."""
    return np.asarray(np.minimum((pictures * lights + 128) >> 8, 255), dtype=np.uint8)


def _places(view: Similarity, size: int) -> tuple[Array, Array]:
    """x and y of each pixel of a crop in the frame, from -1 at its left and top edge to 1 at the others."""
    back, at = view.inverse, (np.arange(size) + 0.5) / size
    across, down = at[None, :], at[:, None]
    x = back.a.real * across - back.a.imag * down + back.b.real - 0.5
    y = back.a.imag * across + back.a.real * down + back.b.imag - 0.5
    return x / (FRAME / 2) - 1, y / (FRAME / 2) - 1
