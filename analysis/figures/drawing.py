"""Figures as data (`Drawing`), and saving them to files."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from amc.atomic import atomic_write
from amc.errors import UserError
from analysis.figures.style import DPI, styled


@dataclass(frozen=True)
class Drawing:
    """A figure that is not saved yet.

    Attributes:
        name: file name without suffix.
        caption: complete sentences on what the figure shows.
        alt: text for readers who cannot see the figure.
    """

    name: str
    title: str
    caption: str
    alt: str
    figure: Figure


@dataclass(frozen=True)
class SavedFigure:
    """A saved figure: its texts and files."""

    name: str
    title: str
    caption: str
    alt: str
    path_svg: Path
    path_png: Path


def new_figure(width: float, height: float) -> Figure:
    """Returns an empty figure of that size in inches, independent of matplotlib's global state."""
    made = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(made)
    return made


def save_figure(draw: Callable[[], Drawing | None], folder: Path, salt: str) -> SavedFigure | None:
    """Draws a figure and saves it in `folder` as NAME.svg and NAME.png; returns None if there is nothing to draw.

    The same content gives the same bytes. Files are written atomically.

    Args:
        salt: makes the ids in the SVG differ from those of other figures on the same page.

    Raises:
        UserError: the folder cannot be written.
    """
    with styled(f"amc-gan {salt}"):
        drawing = draw()
        if drawing is None:
            return None
        pictures = {suffix: _bytes(drawing, suffix) for suffix in ("png", "svg")}
    paths = {suffix: folder / f"{drawing.name}.{suffix}" for suffix in pictures}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for suffix, content in pictures.items():
            with atomic_write(paths[suffix]) as partial:
                partial.write_bytes(content)
    except OSError as error:
        raise UserError(f"cannot write figures to {folder}: {error.strerror or error}") from error
    return SavedFigure(drawing.name, drawing.title, drawing.caption, drawing.alt, paths["svg"], paths["png"])


def _bytes(drawing: Drawing, suffix: str) -> bytes:
    out = io.BytesIO()
    if suffix == "svg":
        texts = {"Date": None, "Creator": None, "Title": drawing.title, "Description": drawing.alt}
        drawing.figure.savefig(out, format="svg", metadata=texts)
    else:
        drawing.figure.savefig(out, format="png", dpi=DPI, metadata={"Software": None, "Title": drawing.title})
    drawing.figure.set_layout_engine("none")  # keep the computed layout for the second format: twice as fast
    return out.getvalue()
