"""A figure on its way from a pure drawing to files."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas

from amc.atomic import atomic_write
from amc.errors import UserError
from analysis.figures.style import DPI, styled


@dataclass(frozen=True)
class Drawing:
    """A figure that is not written yet.

    Attributes:
        name: of its files, without suffix.
        caption: what is shown, and of what: complete sentences.
        alt: what someone who can't see it should know.
    """

    name: str
    title: str
    caption: str
    alt: str
    canvas: Canvas


@dataclass(frozen=True)
class Figure:
    """A written figure: its texts and files."""

    name: str
    title: str
    caption: str
    alt: str
    path_svg: Path
    path_png: Path

    @property
    def svg(self) -> str:
        """The vector picture's text."""
        return self.path_svg.read_text(encoding="utf-8")

    @property
    def png(self) -> bytes:
        """The pixel picture."""
        return self.path_png.read_bytes()


def canvas(width: float, height: float) -> Canvas:
    """An empty drawing area of so many inches, without any global state of matplotlib's."""
    made = Canvas(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(made)
    return made


def written(draw: Callable[[], Drawing | None], folder: Path, salt: str) -> Figure | None:
    """Draws a figure and writes it to `folder` as NAME.svg and NAME.png; None where there is nothing to draw.

    The same content gives the same bytes. A file appears when it is complete.

    Raises:
        UserError: the folder can't be written.
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
    return Figure(drawing.name, drawing.title, drawing.caption, drawing.alt, paths["svg"], paths["png"])


def _bytes(drawing: Drawing, suffix: str) -> bytes:
    out = io.BytesIO()
    if suffix == "svg":
        texts = {"Date": None, "Creator": None, "Title": drawing.title, "Description": drawing.alt}
        drawing.canvas.savefig(out, format="svg", metadata=texts)
    else:
        drawing.canvas.savefig(out, format="png", dpi=DPI, metadata={"Software": None, "Title": drawing.title})
    drawing.canvas.set_layout_engine("none")  # what was laid out once stays: half the time
    return out.getvalue()
