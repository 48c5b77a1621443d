"""Draws enlarged frames of a clip with keypoints, lines between them and velocities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
MIDDLE, ONE_SIDE, OTHER_SIDE = (255, 60, 60), (80, 255, 80), (255, 255, 60)
LINE, VELOCITY = (235, 235, 235), (60, 220, 255)
COLOURS: tuple[Colour, ...] = (MIDDLE, ONE_SIDE, OTHER_SIDE, LINE, VELOCITY)

# Pairs of keypoints that are joined by a line, if a clip file has both.
EDGES = (
    ("head", "chest"),
    ("chest", "navel"),
    *(("chest", f"{side}_shoulder") for side in ("left", "right")),
    *((f"{side}_shoulder", f"{side}_elbow") for side in ("left", "right")),
    *((f"{side}_elbow", f"{side}_wrist") for side in ("left", "right")),
    *((f"{side}_jaw", "chin") for side in ("left", "right")),
    *((f"{side}_upper_eyelid", f"{side}_lower_eyelid") for side in ("left", "right")),
    ("upper_lip", "lower_lip"),
)
_SHOWN = 128  # approximate size of enlarged frames, in pixels
_FINER = 2  # factor of supersampling, for smooth lines
_AHEAD = 3  # frames of movement that the line of a velocity shows


@dataclass(frozen=True)
class Marks:
    """How the keypoints of a clip file are drawn.

    Attributes:
        colours: colours of the k keypoints.
        edges: pairs of indices that are joined by a line.
        velocities: whether velocities are drawn.
    """

    colours: tuple[Colour, ...]
    edges: tuple[tuple[int, int], ...]
    velocities: bool = False


def marks(
    names: Sequence[str], pairs: Sequence[tuple[int, int]], *, skeleton: bool = True, velocities: bool = False
) -> Marks:
    """Marks with pairs in green and yellow, other keypoints in red, and lines between the keypoints in `EDGES`."""
    colours: list[Colour] = [MIDDLE] * len(names)
    for one, other in pairs:
        colours[one], colours[other] = ONE_SIDE, OTHER_SIDE
    index = {name: i for i, name in enumerate(names)}
    edges = tuple((index[a], index[b]) for a, b in EDGES if skeleton and a in index and b in index)
    return Marks(tuple(colours), edges, velocities)


def zoom(height: int, width: int) -> int:
    """The integer factor by which frames of this size are enlarged."""
    return max(1, round(_SHOWN / max(height, width)))


def drawn(
    clip: NDArray[np.uint8], points: NDArray[np.float32], valid: NDArray[np.bool_], style: Marks
) -> list[Image.Image]:
    """Draws all frames of a clip, `zoom` times larger. Keypoints that are not valid are rings without lines.

    Args:
        clip: uint8 (T, H, W, 3).
        points: (T, k, 2), pixels of the frame; (0, 0) is the centre of the top-left pixel.
        valid: (T, k).
        style: marks of the k keypoints.
    """
    return [_frame(clip[t], points[t : t + 2], valid[t : t + 2], style) for t in range(len(clip))]


def _frame(
    frame: NDArray[np.uint8], points: NDArray[np.float32], valid: NDArray[np.bool_], style: Marks
) -> Image.Image:
    """Draws a frame; `points` and `valid` are those of this frame and the next, if there is one."""
    height, width = frame.shape[:2]
    scale = zoom(height, width) * _FINER
    picture = Image.fromarray(frame).resize((width * scale, height * scale), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(picture)
    place = (points.astype(np.float64) + 0.5) * scale - 0.5
    for a, b in style.edges:
        if valid[0, a] and valid[0, b]:
            pen.line([*place[0, a], *place[0, b]], fill=LINE, width=_FINER)
    if style.velocities and len(place) == 2:
        ends = place[0] + (place[1] - place[0]) * _AHEAD
        for known in np.flatnonzero(valid.all(axis=0)):
            pen.line([*place[0, known], *ends[known]], fill=VELOCITY, width=2 * _FINER)
    radius = 2 * _FINER
    for j, (x, y) in enumerate(place[0]):
        box = (x - radius, y - radius, x + radius, y + radius)
        if valid[0, j]:
            pen.ellipse(box, fill=style.colours[j], outline=(0, 0, 0), width=_FINER // 2)
        else:
            pen.ellipse(box, outline=style.colours[j], width=_FINER)
    return picture.reduce(_FINER)
