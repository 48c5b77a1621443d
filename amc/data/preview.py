"""Pictures of a clip file with its keypoints drawn: one contact sheet, and a GIF a class."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from amc.cache import creating
from amc.data.clipfile import Contents, open_clips, read_clip

_COLUMNS = 8  # frames of a clip on the contact sheet
_EXAMPLES = 3  # clips side by side in a class's GIF
_SHOWN = 128  # pixels that a frame is enlarged to, about
_CAPTION = 14  # pixels of height
_MILLISECONDS = 100  # a frame of a GIF

Colour = tuple[int, int, int]
_MIDDLE, _ONE_SIDE, _OTHER_SIDE = (255, 60, 60), (80, 255, 80), (255, 255, 60)


def preview(path: Path, out: Path) -> list[Path]:
    """Write to a folder `contact-sheet.png`, a row a class, and `NN-class.gif`, up to three subjects' clips.

    Keypoints are dots, those of a left-right pair green and yellow, the others red; one that was not found is a ring.

    Returns:
        The files written.

    Raises:
        UserError: a file that fails its checks, or a folder that cannot be written.
    """
    written = []
    rows: list[tuple[str, Sequence[Image.Image]]] = []
    with open_clips(path) as (contents, frames):
        info = contents.info
        for label, name in enumerate(info.class_names):
            examples = _examples(contents, label)
            clips = [_drawn(contents, read_clip(path, frames, i), i) for i in examples]
            if not clips:
                continue
            slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "class"
            target = Path(out) / f"{label + 1:02d}-{slug}.gif"
            _write_gif(target, f"{name} ({info.name}, origin={info.origin})", clips)
            written.append(target)
            which = np.linspace(0, len(clips[0]) - 1, min(_COLUMNS, len(clips[0]))).round().astype(int)
            caption = f"{label + 1} {name}, subject {contents.subject[examples[0]]}"
            rows.append((caption, [clips[0][t] for t in which]))
    target = Path(out) / "contact-sheet.png"
    sheet = _stack([_row(caption, pictures) for caption, pictures in rows])
    with creating(target) as partial:
        sheet.save(partial, format="PNG")
    return [target, *written]


def _examples(contents: Contents, label: int) -> list[int]:
    """Positions of clips of this class, of different subjects and sources as far as there are."""
    chosen: dict[tuple[int, int], int] = {}
    for i in np.flatnonzero(contents.label == label):
        who = int(contents.subject[i])
        chosen.setdefault((who, int(contents.source_clip[i]) if who < 0 else 0), int(i))
        if len(chosen) == _EXAMPLES:
            break
    return list(chosen.values())


def _drawn(contents: Contents, clip: NDArray[np.uint8], index: int) -> list[Image.Image]:
    height, width = clip.shape[1:3]
    zoom = max(1, round(_SHOWN / max(height, width)))
    colours = _colours(contents)
    pictures = []
    for t, frame in enumerate(clip):
        picture = Image.fromarray(frame).resize((width * zoom, height * zoom), Image.Resampling.NEAREST)
        draw = ImageDraw.Draw(picture)
        for j, (x, y) in enumerate(contents.keypoints[index, t]):
            # The centre of an enlarged pixel.
            cx, cy = (float(x) + 0.5) * zoom - 0.5, (float(y) + 0.5) * zoom - 0.5
            box = (cx - 2, cy - 2, cx + 2, cy + 2)
            if contents.keypoints_valid[index, t, j]:
                draw.ellipse(box, fill=colours[j], outline=(0, 0, 0))
            else:
                draw.ellipse(box, outline=colours[j])
        pictures.append(picture)
    return pictures


def _colours(contents: Contents) -> list[Colour]:
    colours: list[Colour] = [_MIDDLE] * len(contents.info.keypoint_names)
    for one, other in contents.info.pairs:
        colours[one], colours[other] = _ONE_SIDE, _OTHER_SIDE
    return colours


def _row(caption: str, pictures: Sequence[Image.Image]) -> Image.Image:
    width, height = pictures[0].size
    row = Image.new("RGB", (len(pictures) * width, height + _CAPTION), (255, 255, 255))
    ImageDraw.Draw(row).text((2, 1), caption, fill=(0, 0, 0))
    for i, picture in enumerate(pictures):
        row.paste(picture, (i * width, _CAPTION))
    return row


def _stack(rows: Sequence[Image.Image]) -> Image.Image:
    sheet = Image.new("RGB", (max(r.width for r in rows), sum(r.height for r in rows)), (255, 255, 255))
    y = 0
    for row in rows:
        sheet.paste(row, (0, y))
        y += row.height
    return sheet


def _write_gif(path: Path, caption: str, clips: Sequence[Sequence[Image.Image]]) -> None:
    frames = [_row(caption, moment) for moment in zip(*clips, strict=True)]
    with creating(path) as partial:
        frames[0].save(partial, format="GIF", save_all=True, append_images=frames[1:], duration=_MILLISECONDS, loop=0)
