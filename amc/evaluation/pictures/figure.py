"""The paper's Figure 3 as a picture: one clip per row with its label, its input frame and some of its frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from amc.atomic import atomic_write
from amc.data.fonts import drawable, text_font
from amc.evaluation.pictures.strip import GAP, INK, LINE, PAPER, TEXT, checked, enlarged, text_width

BETWEEN = 16  # pixels of larger gaps; analysis/figures/ablation/figure3.py crops the picture by these sizes


@dataclass(frozen=True)
class LabelledClip:
    """A row of the figure.

    Attributes:
        label: lines of text; the first is the title.
        frames: (T, H, W, 3) uint8; the first is the appearance condition that the others were generated from.
    """

    label: tuple[str, ...]
    frames: NDArray[np.uint8]

    @property
    def caption(self) -> str:
        """The label as the caption of a moving picture."""
        return "\n".join(self.label)


def figure(groups: Sequence[Sequence[LabelledClip]], path: Path, *, columns: int = 4) -> None:
    """Writes a PNG with a block of rows for each group.

    A row shows the input frame and `columns` evenly spaced frames that end with the last one: the 8th, 16th, 24th and
    32nd of 32, as in the paper.

    Args:
        groups: the rows of one clip each; all have the same shape.
        path: the file to write, atomically.
        columns: frames per row beside the input; a shorter clip shows all of its frames.

    Raises:
        ValueError: there are no clips, or they are not uint8 (T, H, W, 3) of one shape.
    """
    videos = [video for group in groups for video in group]
    checked([(video.caption, video.frames) for video in videos])
    if len({video.frames.shape for video in videos}) > 1:
        raise ValueError("all clips of a figure must have the same shape")
    length = len(videos[0].frames)
    columns = min(columns, length)
    shown = [0, *(round(length * (column + 1) / columns) - 1 for column in range(columns))]
    heads = ["input", *(f"frame {index + 1}" for index in shown[1:])]  # counted from 1, as the paper does
    font = text_font(TEXT)
    first = enlarged(videos[0].frames[0])
    left = GAP + max(text_width(font, drawable(font, line)) for video in videos for line in video.label) + BETWEEN
    step = max(first.width, *(text_width(font, head) for head in heads)) + GAP
    places = [left + step * column + (BETWEEN if column else 0) for column in range(len(shown))]
    row = max(first.height, LINE * max(len(video.label) for video in videos)) + GAP
    height = GAP + LINE + row * len(videos) + BETWEEN * (len(groups) - 1)
    sheet = Image.new("RGB", (places[-1] + step, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    for place, head in zip(places, heads, strict=True):
        draw.text((place, GAP), head, INK, font)
    y = GAP + LINE
    for group in groups:
        for video in group:
            top = y + (row - GAP - LINE * len(video.label)) // 2
            for line, text in enumerate(video.label):
                draw.text((GAP, top + LINE * line), drawable(font, text), INK, font)
            for place, index in zip(places, shown, strict=True):
                sheet.paste(enlarged(video.frames[index]), (place, y))
            y += row
        y += BETWEEN
    with atomic_write(path) as partial:
        sheet.save(partial, "PNG")
