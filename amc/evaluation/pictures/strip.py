"""Clips as pictures: a strip (one row of frames per clip) and a GIF (clips side by side).

Small clips are enlarged by a whole factor without smoothing, so that every pixel of the clip is visible.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from amc.atomic import atomic_write
from amc.data.fonts import Font, drawable, text_font

Row = tuple[str, npt.NDArray[np.uint8]]
"""A caption (in GIFs of one or more lines) and a clip (T, H, W, 3)."""

SHOWN = 128  # pixels: clips are enlarged to at least this height
GAP = 4  # pixels between frames
LINE = 18  # pixels: height of a line of text
TEXT = 13  # pixels: size of the font
PAPER, INK = (255, 255, 255), (20, 20, 20)


def strip(rows: Sequence[Row], path: Path, *, columns: int = 8) -> None:
    """Writes a PNG with one row per clip: the caption and `columns` evenly spaced frames.

    Args:
        rows: captions and clips; lengths and sizes may differ.
        path: the file to write, atomically.
        columns: frames per row, including the first and the last; a shorter clip shows all of its frames.

    Raises:
        ValueError: there are no rows, or a clip is not uint8 (T, H, W, 3).
    """
    drawn = []
    font = text_font(TEXT)
    for caption, frames in checked(rows):
        chosen = np.unique(np.linspace(0, len(frames) - 1, min(columns, len(frames))).round().astype(int))
        drawn.append((f"{drawable(font, caption)}   frames {_listing(chosen)}", [enlarged(frames[i]) for i in chosen]))
    width = max(
        max(text_width(font, caption), sum(image.width + GAP for image in images) - GAP) for caption, images in drawn
    )
    height = sum(LINE + images[0].height + GAP for _, images in drawn)
    sheet = Image.new("RGB", (width + 2 * GAP, height + GAP), PAPER)
    y = GAP
    for caption, images in drawn:
        ImageDraw.Draw(sheet).text((GAP, y), caption, INK, font)
        x = GAP
        for image in images:
            sheet.paste(image, (x, y + LINE))
            x += image.width + GAP
        y += LINE + images[0].height + GAP
    with atomic_write(path) as partial:
        sheet.save(partial, "PNG")


def gif(rows: Sequence[Row], path: Path, *, fps: float = 10) -> None:
    """Writes a looping GIF with all clips in a grid, each with its caption; a shorter clip repeats its last frame.

    Equal consecutive frames are stored as one with twice the duration (by Pillow).

    Args:
        rows: as for `strip`.
        path: the file to write, atomically.
        fps: frames per second (GIF counts in hundredths of a second).

    Raises:
        ValueError: there are no rows, or a clip is not uint8 (T, H, W, 3).
    """
    drawn = pages(rows)
    # One palette for all frames: with one palette per frame, still parts flicker.
    palette = _stacked(drawn).quantize(256, dither=Image.Dither.NONE)
    drawn = [page.quantize(palette=palette, dither=Image.Dither.NONE) for page in drawn]
    hundredths = max(2, round(100 / fps))
    with atomic_write(path) as partial:
        drawn[0].save(
            partial, "GIF", save_all=True, append_images=drawn[1:], duration=10 * hundredths, loop=0, optimize=False
        )


def pages(rows: Sequence[Row]) -> list[Image.Image]:
    """The frames of a GIF or video: all clips in a grid, each with its caption.

    Args:
        rows: as for `strip`.

    Returns:
        As many images of one size as the longest clip has frames; a shorter clip repeats its last frame.

    Raises:
        ValueError: there are no rows, or a clip is not uint8 (T, H, W, 3).
    """
    font = text_font(TEXT)
    across = math.ceil(math.sqrt(len(checked(rows))))
    clips = [[enlarged(frame) for frame in frames] for _, frames in rows]
    captions = [[drawable(font, line) for line in caption.split("\n")] for caption, _ in rows]
    width = GAP + max(
        *(images[0].width for images in clips),
        *(text_width(font, line) + 2 * GAP for lines in captions for line in lines),
    )
    above = LINE * max(map(len, captions))
    height = GAP + above + max(images[0].height for images in clips)
    sheet = Image.new("RGB", (across * width + GAP, math.ceil(len(clips) / across) * height + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for index, lines in enumerate(captions):
        x, y = GAP + index % across * width, GAP + index // across * height
        for number, line in enumerate(lines):
            draw.text((x, y + LINE * number), line, INK, font)
    made = []
    for t in range(max(len(images) for images in clips)):
        page = sheet.copy()
        for index, images in enumerate(clips):
            place = (GAP + index % across * width, GAP + index // across * height + above)
            page.paste(images[min(t, len(images) - 1)], place)
        made.append(page)
    return made


def checked(rows: Sequence[Row]) -> Sequence[Row]:
    """Returns `rows` if they can be drawn.

    Raises:
        ValueError: there are no rows, or a clip is not uint8 (T, H, W, 3).
    """
    if not rows:
        raise ValueError("a picture needs at least one clip")
    for caption, frames in rows:
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or 0 in frames.shape:
            raise ValueError(f"the clip {caption!r} is {frames.dtype} {frames.shape}, not uint8 (T, H, W, 3)")
    return rows


def enlarged(frame: npt.NDArray[np.uint8]) -> Image.Image:
    """A frame (H, W, 3) enlarged by the smallest whole factor that makes it `SHOWN` pixels high, without smoothing."""
    factor = max(1, math.ceil(SHOWN / frame.shape[0]))
    return Image.fromarray(np.ascontiguousarray(frame.repeat(factor, axis=0).repeat(factor, axis=1)))


def _stacked(pages: Sequence[Image.Image]) -> Image.Image:
    """Up to eight pages in one image, from which the common palette is computed."""
    some = [pages[i] for i in np.unique(np.linspace(0, len(pages) - 1, 8).round().astype(int))]
    return Image.fromarray(np.concatenate([np.asarray(page) for page in some]))


def _listing(chosen: npt.NDArray[np.int64]) -> str:
    """Frame numbers from 1, as the paper counts them."""
    return " ".join(str(i + 1) for i in chosen)


def text_width(font: Font, text: str) -> int:
    """Pixels that a line of text is wide."""
    return math.ceil(font.getlength(text))
