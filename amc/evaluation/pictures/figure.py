"""The paper's Figure 3 as a picture: a video a row, labelled at its left, with its input frame and frames of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from amc.atomic import atomic_write
from amc.evaluation.pictures.strip import GAP, INK, LINE, PAPER, checked, enlarged, text_font, text_width

BETWEEN = 16  # pixels: before and after what belongs apart; analysis.figures.strips cuts along these sizes


@dataclass(frozen=True)
class Video:
    """A row of the figure.

    Attributes:
        label: lines of text, the first of which says what it is.
        frames: (T, H, W, 3) uint8; the first is the appearance condition that the others were made from.
    """

    label: tuple[str, ...]
    frames: NDArray[np.uint8]

    @property
    def caption(self) -> str:
        """The label as the caption of a moving picture."""
        return "\n".join(self.label)


def figure(groups: Sequence[Sequence[Video]], path: Path, *, columns: int = 4) -> None:
    """Writes a PNG with a block of rows for each group.

    A row shows its input frame and, apart from it, `columns` frames at equal distances of which the last is the clip's
    last: the 8th, 16th, 24th and 32nd of 32, as in the paper.

    Args:
        groups: what belongs to one clip each; all videos have the same shape.
        path: the file to write; it appears when it is complete.
        columns: frames a row beside the input; a shorter video shows all of its frames.

    Raises:
        ValueError: nothing to show, or videos that are not uint8 (T, H, W, 3) of one shape.
    """
    videos = [video for group in groups for video in group]
    checked([(video.caption, video.frames) for video in videos])
    if len({video.frames.shape for video in videos}) > 1:
        raise ValueError("the videos of a figure must be clips of one shape")
    length = len(videos[0].frames)
    columns = min(columns, length)
    shown = [0, *(round(length * (column + 1) / columns) - 1 for column in range(columns))]
    heads = ["input", *(f"frame {index + 1}" for index in shown[1:])]  # counted from 1, as the paper does
    font = text_font()
    first = enlarged(videos[0].frames[0])
    left = GAP + max(text_width(font, line) for video in videos for line in video.label) + BETWEEN
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
                draw.text((GAP, top + LINE * line), text, INK, font)
            for place, index in zip(places, shown, strict=True):
                sheet.paste(enlarged(video.frames[index]), (place, y))
            y += row
        y += BETWEEN
    with atomic_write(path) as partial:
        sheet.save(partial, "PNG")
