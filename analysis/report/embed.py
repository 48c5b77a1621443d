"""Embeds pictures and animated clips as data URIs, so that the page needs no other files."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image

from amc.errors import UserError
from analysis.figures.picture_files import is_readable
from analysis.report.page import Picture

KINDS = {".svg": "image/svg+xml", ".png": "image/png", ".gif": "image/gif"}
ANIMATIONS = ("row.gif", "clips.gif")  # in the samples folder of a run, in order of preference
BUDGET = 4_500_000  # bytes of animated clips on a page, before base64 encoding


def data_uri(path: Path) -> str:
    """Returns a file's content as a data URI; the suffix determines the media type.

    Raises:
        UserError: the file cannot be read.
    """
    return _uri(KINDS[path.suffix], _read(path))


def embedded_figure(title: str, caption: str, alt: str, *paths: Path) -> Picture:
    """Returns a figure as a picture of the page, from its smallest file (the first of equals)."""
    return Picture(title, data_uri(min(paths, key=lambda path: path.stat().st_size)), alt, caption)


def animation(folder: Path) -> Path | None:
    """Returns the animated clips in a run's samples folder: the row if readable, otherwise the larger grid; or None."""
    return next((path for path in _found(folder) if is_readable(path)), None)


def unreadable_animations(folder: Path) -> list[str]:
    """Returns the names of animated clips that exist but cannot be read."""
    return [path.name for path in _found(folder) if not is_readable(path)]


def _found(folder: Path) -> list[Path]:
    return [path for name in ANIMATIONS if (path := folder / name).is_file()]


def first_frame(path: Path) -> tuple[str, tuple[int, int]]:
    """Returns the first frame of a GIF as the data URI of a PNG, and its width and height in pixels.

    Raises:
        UserError: the file is not a picture.
    """
    try:
        with Image.open(io.BytesIO(_read(path))) as image:
            out = io.BytesIO()
            image.convert("RGB").save(out, "PNG", optimize=True)
            return _uri("image/png", out.getvalue()), image.size
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} is not a picture: delete it, or rerun the study's command to generate its samples again"
        ) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
