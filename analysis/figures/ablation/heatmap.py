"""Heatmaps of percentages, with numbers in the cells if there is room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from analysis.figures.style import GREY, HEAT, INK

ROOM = 70  # characters of column names that fit side by side
READABLE = 12  # most columns with numbers in the cells


def heat(
    axes: Axes, values: npt.NDArray[np.float64], rows: Sequence[str], columns: Sequence[str], *, size: float = 8.0
) -> AxesImage:
    """Draws (R, K) percentages with row and column names; NaN is an empty cell."""
    image = axes.imshow(np.ma.masked_invalid(values), cmap=HEAT, vmin=0, vmax=100, aspect="auto")
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set_xticks(range(len(columns)), list(columns), rotation=90 if _long(columns) else 0)
    axes.tick_params(length=0)
    axes.set_xticks(np.arange(len(columns) - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(len(rows) - 1) + 0.5, minor=True)
    axes.tick_params(which="minor", length=0)
    axes.grid(True, which="minor", color="white", linewidth=1.0)
    axes.spines[:].set_visible(False)
    if len(columns) <= READABLE:
        for row, column in np.ndindex(values.shape):
            value = float(values[row, column])
            if np.isnan(value):
                axes.text(column, row, "-", ha="center", va="center", fontsize=size, color=GREY)
            elif round(value):
                ink: Any = "white" if value > 55 else INK
                axes.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=size, color=ink)
    return image


def _long(columns: Sequence[str]) -> bool:
    """Whether the names would overlap if written side by side."""
    return max(map(len, columns), default=0) * max(1, len(columns)) > ROOM
