"""Pictures and moving clips as data URIs, so that the page needs no file beside it."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image

from amc.errors import UserError
from analysis.figures.picture_files import is_readable
from analysis.report.page import Picture

KINDS = {".svg": "image/svg+xml", ".png": "image/png", ".gif": "image/gif"}
MOVING = ("row.gif", "clips.gif")  # in a run's samples, the better one first
BUDGET = 4_500_000  # bytes of moving clips in a page; as text they take a third more


def data_uri(path: Path) -> str:
    """A file's content as a data URI; its suffix tells the kind.

    Raises:
        UserError: it can't be read.
    """
    return _uri(KINDS[path.suffix], _read(path))


def shown(title: str, caption: str, alt: str, *paths: Path) -> Picture:
    """A figure as the page holds it: the smallest of its renderings, on a tie the first."""
    return Picture(title, data_uri(min(paths, key=lambda path: path.stat().st_size)), alt, caption)


def moving(folder: Path) -> Path | None:
    """What a run left in its samples: a row of clips, or the larger grid of clips where there is none to be read."""
    return next((path for path in _found(folder) if is_readable(path)), None)


def broken(folder: Path) -> list[str]:
    """Names of the moving clips that a run left, but that cannot be read."""
    return [path.name for path in _found(folder) if not is_readable(path)]


def _found(folder: Path) -> list[Path]:
    return [path for name in MOVING if (path := folder / name).is_file()]


def first_frame(path: Path) -> tuple[str, tuple[int, int]]:
    """The first frame of a GIF as a PNG's data URI, and its width and height in pixels.

    Raises:
        UserError: it is no picture.
    """
    try:
        with Image.open(io.BytesIO(_read(path))) as image:
            out = io.BytesIO()
            image.convert("RGB").save(out, "PNG", optimize=True)
            return _uri("image/png", out.getvalue()), image.size
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is no picture: remove it, or make the study's samples again") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
