"""Small multiples: one panel per arm with its curve and band, next to Ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.drawing import new_figure
from analysis.figures.style import ARM_MARK, OURS_MARK, WIDTH, Mark, grid_lines
from analysis.record.rows import StudyRow
from analysis.scores.study_scores import entry_word, ours_word

COLUMNS = 3


@dataclass(frozen=True)
class Band:
    """Curves of an arm's seeds at the x values that all of them have.

    Attributes:
        x: (n,), ascending.
        values: (S, n).
    """

    title: str
    x: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]


def band(title: str, curves: Sequence[Mapping[int, float]] | Sequence[Mapping[float, float]]) -> Band | None:
    """Returns the curves {x: value} as a band; None if they have no x value in common."""
    known = [{x: value for x, value in curve.items() if np.isfinite(value)} for curve in curves]
    shared = sorted(set.intersection(*(set(curve) for curve in known))) if known else []
    if not shared:
        return None
    values = np.array([[curve[x] for x in shared] for curve in known], dtype=np.float64)
    return Band(title, np.array(shared, dtype=np.float64), values)


def panels(
    ours: Band | None,
    arms: Sequence[Band],
    *,
    x: str,
    y: str,
    row: StudyRow,
    limits: tuple[float, float] | None = None,
    extra: Callable[[Axes], None] = lambda axes: None,
) -> Figure:
    """Draws one panel per arm, or a single panel of Ours if there are no other arms.

    Args:
        x, y: axis labels.
        row: of the study, which decides how the legend names its arms.
        limits: limits of the y axis; None fits the data.
        extra: draws what all panels share, with labels for the legend.
    """
    shown = list(arms) or [band for band in (ours,) if band is not None]
    rows, columns = -(-len(shown) // COLUMNS), min(COLUMNS, len(shown))
    figure = new_figure(WIDTH, 0.9 + 1.65 * rows if columns > 1 else 3.6)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for place, axes in enumerate(grid.flat):
        if place >= len(shown):
            axes.set_visible(False)
            continue
        extra(axes)
        if ours is not None:
            _draw(axes, ours, OURS_MARK, "-", ours_word(row))
        if shown[place] is not ours:
            _draw(axes, shown[place], ARM_MARK, "--", f"{entry_word(row)} in the panel title")
        axes.set_title(shown[place].title)
        grid_lines(axes, "y")
        if limits is not None:
            axes.set_ylim(*limits)
        # If the last row is not full, the panels above the gap show the x axis.
        axes.tick_params(axis="x", labelbottom=place + columns >= len(shown))
    figure.supxlabel(x, fontsize=9)
    figure.supylabel(y, fontsize=9)
    seen = {
        label: handle for axes in grid.flat for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(list(seen.values()), list(seen), loc="outside upper center", ncols=len(seen))
    return figure


def _draw(axes: Axes, band: Band, mark: Mark, line: str, label: str) -> None:
    middle = band.values.mean(axis=0)
    every = max(1, len(band.x) // 6)
    axes.plot(band.x, middle, color=mark.colour, linestyle=line, marker=mark.marker, markersize=3.4, markevery=every,
              label=label, zorder=3)  # fmt: skip
    if len(band.values) > 1:
        low, high = band.values.min(axis=0), band.values.max(axis=0)
        axes.fill_between(band.x, low, high, color=mark.colour, alpha=0.2, linewidth=0)
