"""How every figure looks: sizes, fonts, and marks that tell arms apart without colour."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes

WIDTH = 7.2  # inches: the text width of a printed page, some 690 pixels on a screen
DPI = 200  # of the PNG
INK, GREY, FAINT = "#222222", "#6b6b6b", "#d9d9d9"

# Okabe and Ito's colours, which people with any common colour blindness can tell apart.
BLUE, VERMILLION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
SKY, PURPLE, YELLOW, BLACK = "#56B4E9", "#CC79A7", "#F0E442", "#000000"

HEAT = "Blues"  # one hue, from light to dark: survives a black-and-white printer


@dataclass(frozen=True)
class Mark:
    """What stands for a series: no two share a marker, so colour is never all that tells them apart."""

    colour: str
    marker: str


OURS_MARK, ARM_MARK = Mark(BLUE, "o"), Mark(VERMILLION, "s")  # of the two series where an arm stands against Ours
_COLOURS = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, BLACK, GREY)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h", "*", "p", "d", "H", "8")

_SETTINGS: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same letters everywhere
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
    "text.parse_math": False,  # a name with a dollar sign is a name
    "text.usetex": False,
    "figure.facecolor": "white",
    "svg.fonttype": "path",  # letters as outlines: the same without any font installed
    "savefig.bbox": "standard",
}


@contextmanager
def styled(salt: str) -> Iterator[None]:
    """Settings under which a figure is made and written.

    Nobody's own matplotlibrc has a say, and ids in the SVG depend on `salt` alone, so that the same content gives the
    same bytes and two figures can stand in one page.
    """
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update({**_SETTINGS, "svg.hashsalt": salt})
        yield


def marks(count: int) -> list[Mark]:
    """Marks of so many series."""
    return [Mark(_COLOURS[i % len(_COLOURS)], _MARKERS[i % len(_MARKERS)]) for i in range(count)]


def grid_lines(axes: Axes, axis: str = "x") -> None:
    """Faint lines behind the data, across one axis ("x", "y" or "both")."""
    axes.grid(True, axis=axis)  # type: ignore[arg-type]


def arm_rows(axes: Axes, titles: list[str]) -> None:
    """A horizontal row for each title, the first at the top."""
    axes.set_yticks(range(len(titles)), titles)
    axes.set_ylim(len(titles) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
