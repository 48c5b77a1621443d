"""Style of all figures: sizes, fonts, colours, and markers that distinguish arms without colour."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes

WIDTH = 7.2  # inches: the text width of a printed page, about 690 pixels on a screen
DPI = 200  # of PNG files
INK, GREY, FAINT = "#222222", "#6b6b6b", "#d9d9d9"

# Okabe and Ito's palette, distinguishable with any common form of colour blindness.
BLUE, VERMILLION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
SKY, PURPLE, YELLOW, BLACK = "#56B4E9", "#CC79A7", "#F0E442", "#000000"

HEAT = "Blues"  # a single hue, so that it stays readable in black and white


@dataclass(frozen=True)
class Mark:
    """Colour and marker of a series; markers differ, so that series are distinguishable without colour."""

    colour: str
    marker: str


OURS_MARK, ARM_MARK = Mark(BLUE, "o"), Mark(VERMILLION, "s")  # the two series of a panel that compares an arm with Ours
_COLOURS = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, BLACK, GREY)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h", "*", "p", "d", "H", "8")

_SETTINGS: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib, so figures look the same everywhere
    "font.size": 9.0,
    "axes.labelsize": 9.0,
    "axes.titlesize": 9.5,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "text.parse_math": False,  # names may contain dollar signs
    "text.usetex": False,
    "figure.facecolor": "white",
    "svg.fonttype": "path",  # text as outlines: no font needs to be installed
    "savefig.bbox": "standard",
}


@contextmanager
def styled(salt: str) -> Iterator[None]:
    """Applies the settings under which figures are drawn and saved.

    They replace the user's matplotlibrc. Ids in the SVG depend on `salt` alone, so that the same content gives the
    same bytes and the ids of two figures on one page do not clash.
    """
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update({**_SETTINGS, "svg.hashsalt": salt})
        yield


def marks(count: int) -> list[Mark]:
    """Returns the marks of `count` series."""
    return [Mark(_COLOURS[i % len(_COLOURS)], _MARKERS[i % len(_MARKERS)]) for i in range(count)]


def grid_lines(axes: Axes, axis: str = "x") -> None:
    """Draws faint grid lines for one axis ("x", "y" or "both")."""
    axes.grid(True, axis=axis)  # type: ignore[arg-type]


def arm_rows(axes: Axes, titles: list[str]) -> None:
    """Sets up one horizontal row per title, the first at the top."""
    axes.set_yticks(range(len(titles)), titles)
    axes.set_ylim(len(titles) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
