"""Layers to pixels, and what is around the face: wall and light.

Pillow cuts coordinates off to whole pixels, so they are rounded before; and to 1/1024 before that, since a coordinate
half-way between two pixels must go the same way on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from amc.importing.mug.alignment import Similarity
from amc.standins.face.curves import Array
from amc.standins.face.geometry import FRAME
from amc.standins.face.layers import Layer

_WALL = (184.0, 188.0, 192.0)  # MUG's subjects sit before one plain background


def wall(view: Similarity, size: int) -> NDArray[np.uint8]:
    """The background as (size, size, 3): brightest behind the head, darker towards the corners."""
    x, y = _places(view, size)
    fall = 1.0 - 0.10 * x * x - 0.14 * y * y - 0.05 * x
    return np.asarray(np.clip(np.rint(fall[..., None] * np.array(_WALL)), 0, 255), dtype=np.uint8)


def paint(behind: NDArray[np.uint8], layers: Sequence[Layer], frames: int) -> Iterator[NDArray[np.uint8]]:
    """The layers of each frame drawn over the background (H, W, 3), not yet lit: T times uint8 (H, W, 3), read-only."""
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
    """What a light from one side does to a crop: factors (size, size, 3) in 1/256.

    Args:
        view: from the frame to the crop.
        size: of the crop.
        light: factors on red, green and blue.
        shade: how much brighter it is at the frame's right and lower edge than in its middle.
    """
    x, y = _places(view, size)
    factor = np.clip(1.0 + shade[0] * x + shade[1] * y, 0.5, 1.4)[..., None] * np.array(light)
    return np.asarray(np.rint(factor * 256), dtype=np.int32)


def lit(pictures: NDArray[np.uint8], lights: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Frames (..., size, size, 3) under `lighting`."""
    return np.asarray(np.minimum((pictures * lights + 128) >> 8, 255), dtype=np.uint8)


def _places(view: Similarity, size: int) -> tuple[Array, Array]:
    """Where each pixel of a crop lies in the frame, from -1 at the left or top edge to 1 at the other."""
    grid = np.stack(np.meshgrid(np.arange(size), np.arange(size)), axis=-1).astype(np.float64)
    at = view.move_back(grid, size) / (FRAME / 2) - 1
    return at[..., 0], at[..., 1]
