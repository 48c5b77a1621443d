"""Pictures of a clip file with keypoints: contact sheets, and a GIF per class."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from amc.cache import creating
from amc.data.clipfile import Contents, open_clips, read_clip
from amc.data.fonts import drawable, text_font
from amc.data.inspection.drawing import COLOURS, drawn, marks
from amc.progress import Progress

_FRAMES = 8  # frames per clip on a contact sheet
_COLUMN, _COLUMNS = 12, 2  # classes per column and columns per contact sheet
_EXAMPLES = 3  # clips per GIF
_CAPTION = 16  # height of a caption, in pixels
_GAP = 12  # pixels between columns
_MILLISECONDS = 100  # per frame of a GIF
_OF_PALETTE = 4  # frames that the palette of a GIF is computed from
_PAPER, _INK = (255, 255, 255), (0, 0, 0)
_TEXT = 12  # pixels: size of the font


@dataclass(frozen=True)
class _Row:
    """One class on a contact sheet."""

    caption: str
    pictures: Sequence[Image.Image]


def preview(
    path: Path, out: Path, *, skeleton: bool = True, velocities: bool = False, progress: Progress | None = None
) -> list[Path]:
    """Writes `contact-sheet.png`, with a row per class, and `NN-class.gif`, with clips of up to three subjects.

    If there are too many classes for a contact sheet, they continue on `contact-sheet-2.png` and so on. Keypoints are
    dots: those of a left-right pair green and yellow, others red. Keypoints that are not valid are rings.

    Args:
        path: the clip file.
        out: the folder; created if it is missing.
        skeleton: draw lines between keypoints with known names.
        velocities: draw velocities of keypoints.
        progress: called with (classes drawn, c).

    Returns:
        The files written, contact sheets first.

    Raises:
        UserError: the clip file fails its checks, or the folder cannot be written.
    """
    out = Path(out)
    written: list[Path] = []
    rows: list[_Row] = []
    with open_clips(path) as (contents, frames):
        info = contents.info
        style = marks(info.keypoint_names, info.pairs, skeleton=skeleton, velocities=velocities)
        digits = max(2, len(str(len(info.class_names))))
        which = np.unique(np.linspace(0, contents.shape[1] - 1, _FRAMES).round().astype(int))
        for label, name in enumerate(info.class_names):
            examples = _examples(contents, label)
            clips = [
                drawn(read_clip(path, frames, i), contents.keypoints[i], contents.keypoints_valid[i], style)
                for i in examples
            ]
            if clips:
                slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "class"
                target = out / f"{label + 1:0{digits}d}-{slug[:60]}.gif"
                _write_gif(target, f"{name}; {info.name}, origin={info.origin}", _who(contents, examples), clips)
                written.append(target)
                caption = f"{label + 1} {name}, {_who(contents, examples)[0]}"
                rows.append(_Row(caption, [clips[0][t] for t in which]))
            if progress is not None:
                progress(label + 1, len(info.class_names))
    return [*_write_sheets(out, contents, [int(t) + 1 for t in which], rows), *written]


def _examples(contents: Contents, label: int) -> list[int]:
    """Indices of clips of a class, of different subjects and sources if possible.

    Each class starts with another subject, so that a file sorted by subject does not show only the first one.
    """
    chosen: dict[tuple[int, int], int] = {}
    for i in np.flatnonzero(contents.label == label):
        who = int(contents.subject[i])
        chosen.setdefault((who, int(contents.source_clip[i]) if who < 0 else 0), int(i))
    clips = list(chosen.values())
    return [clips[(label + i) % len(clips)] for i in range(min(_EXAMPLES, len(clips)))]


def _who(contents: Contents, examples: Sequence[int]) -> list[str]:
    """One caption per clip."""
    names = [("subject unknown" if s < 0 else f"subject {s}") for s in contents.subject[list(examples)].tolist()]
    return [f"{name}, clip {i}" for name, i in zip(names, examples, strict=True)]


def _write_sheets(out: Path, contents: Contents, numbers: Sequence[int], rows: Sequence[_Row]) -> list[Path]:
    """Writes the contact sheets of all rows; `numbers` are the frame numbers, from 1."""
    info, (count, time, height, width) = contents.info, contents.shape
    title = (
        f"{info.name}, origin={info.origin}: {count} clips of {time} frames, {width}x{height} pixels, "
        f"{len(info.class_names)} classes"
    )
    size = _COLUMN * _COLUMNS
    written = []
    for first in range(0, len(rows), size):
        page = rows[first : first + size]
        columns = [page[i : i + _COLUMN] for i in range(0, len(page), _COLUMN)]
        target = out / ("contact-sheet.png" if first == 0 else f"contact-sheet-{first // size + 1}.png")
        sheet = _sheet(title, [_column(numbers, column) for column in columns])
        with creating(target) as partial:
            sheet.save(partial, format="PNG")
        written.append(target)
    return written


def _sheet(title: str, columns: Sequence[Image.Image]) -> Image.Image:
    width = sum(column.width for column in columns) + _GAP * (len(columns) - 1)
    sheet = Image.new("RGB", (width, _CAPTION + max(column.height for column in columns)), _PAPER)
    _write(sheet, title, 0, 0, width)
    x = 0
    for column in columns:
        sheet.paste(column, (x, _CAPTION))
        x += column.width + _GAP
    return sheet


def _column(numbers: Sequence[int], rows: Sequence[_Row]) -> Image.Image:
    """A column of a contact sheet: frame numbers, then rows with their captions."""
    width, height = rows[0].pictures[0].size
    column = Image.new("RGB", (width * len(numbers), _CAPTION + len(rows) * (height + _CAPTION)), _PAPER)
    for i, number in enumerate(numbers):
        _write(column, f"frame {number}", i * width, 0, width)
    for j, row in enumerate(rows):
        y = _CAPTION + j * (height + _CAPTION)
        _write(column, row.caption, 0, y, column.width)
        for i, picture in enumerate(row.pictures):
            column.paste(picture, (i * width, y + _CAPTION))
    return column


def _write(picture: Image.Image, text: str, x: int, y: int, width: int) -> None:
    """Writes a line of text at (x, y), shortened to `width` pixels."""
    font = text_font(_TEXT)
    shown = drawable(font, text)
    while len(shown) > 1 and font.getlength(shown) > width - 4:
        shown = shown.removesuffix("…")[:-1] + "…"
    ImageDraw.Draw(picture).text((x + 2, y + 1), shown, fill=_INK, font=font)


def _write_gif(path: Path, title: str, captions: Sequence[str], clips: Sequence[Sequence[Image.Image]]) -> None:
    """Writes a GIF of clips side by side with captions, below a line with frame number and title."""
    width, height = clips[0][0].size
    frames = []
    for t, moment in enumerate(zip(*clips, strict=True)):
        page = Image.new("RGB", (width * len(clips), height + 2 * _CAPTION), _PAPER)
        _write(page, f"{t + 1:2d}  {title}", 0, 0, page.width)
        for i, picture in enumerate(moment):
            _write(page, captions[i], i * width, _CAPTION, width)
            page.paste(picture, (i * width, 2 * _CAPTION))
        frames.append(page)
    palette = _palette(frames)
    flat = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    with creating(path) as partial:
        flat[0].save(partial, format="GIF", save_all=True, append_images=flat[1:], duration=_MILLISECONDS, loop=0)


def _palette(frames: Sequence[Image.Image]) -> Image.Image:
    """The palette of a GIF, from a few of its frames. A palette per frame takes ten times as long and flickers."""
    few = frames[:: max(1, len(frames) // _OF_PALETTE)]
    width, height = few[0].size
    strip = Image.new("RGB", (width, height * (len(few) + 1)))
    for i, frame in enumerate(few):
        strip.paste(frame, (0, i * height))
    # The dots have too few pixels to get their own colours otherwise.
    for i, colour in enumerate(COLOURS):
        part = (i * width // len(COLOURS), height * len(few), (i + 1) * width // len(COLOURS), height * (len(few) + 1))
        strip.paste(colour, part)
    return strip.quantize(256, method=Image.Quantize.MEDIANCUT)
