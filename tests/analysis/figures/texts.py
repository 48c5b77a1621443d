"""Whether the texts of a figure can be read: inside its edges, none on another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import combinations

from matplotlib.axes import Axes
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from analysis.figures.drawing import Drawing
from analysis.figures.style import styled

SMALLEST = 6.0  # points


@contextmanager
def laid_out(draw: Callable[[], Drawing | None]) -> Iterator[Drawing]:
    """The drawing as it will be written, its parts placed."""
    with styled("test"):
        drawing = draw()
        assert drawing is not None
        drawing.figure.draw_without_rendering()
        yield drawing


def check_readable(drawing: Drawing) -> None:
    """Fails where a text is cut, tiny, or lies on another."""
    renderer = drawing.figure.canvas.get_renderer()  # type: ignore[attr-defined]
    edge = drawing.figure.bbox
    boxes = [(text, text.get_window_extent(renderer)) for text in _texts(drawing)]
    assert boxes
    for text, box in boxes:
        assert text.get_fontsize() >= SMALLEST, text.get_text()
        inside = edge.x0 - 1 <= box.x0 and box.x1 <= edge.x1 + 1 and edge.y0 - 1 <= box.y0 and box.y1 <= edge.y1 + 1
        assert inside, f"{drawing.name}: {text.get_text()!r} is cut at the edge"
    for (one, first), (other, second) in combinations(boxes, 2):
        if one.get_rotation() % 90 or other.get_rotation() % 90:
            continue  # slanted texts may interlock: their boxes say nothing
        assert not _overlap(first, second), f"{drawing.name}: {one.get_text()!r} lies on {other.get_text()!r}"


def _texts(drawing: Drawing) -> Iterator[Text]:
    for axes in drawing.figure.axes:
        if axes.get_visible():
            yield from _of(axes)
    for legend in drawing.figure.legends:
        yield from legend.get_texts()
    supers = (drawing.figure._supxlabel, drawing.figure._supylabel)  # type: ignore[attr-defined]
    yield from (text for text in supers if text is not None)


def _of(axes: Axes) -> Iterator[Text]:
    found = [axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts]
    for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        for tick, place in zip(axis.get_major_ticks(), axis.get_majorticklocs(), strict=False):
            if tick.label1.get_visible() and min(limits) <= place <= max(limits):
                found.append(tick.label1)
    legend = axes.get_legend()
    found += [] if legend is None else legend.get_texts()
    yield from (text for text in found if text.get_visible() and text.get_text().strip())


def _overlap(first: Bbox, second: Bbox) -> bool:
    slack = 1.0  # pixels: boxes have a margin about the letters
    return (
        min(first.x1, second.x1) - max(first.x0, second.x0) > slack
        and min(first.y1, second.y1) - max(first.y0, second.y0) > slack
    )
