"""Parallel coordinates of a search: one line per trial across the ranges of its parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from analysis.figures.drawing import Drawing, new_figure
from analysis.figures.search.importance import importances, too_few
from analysis.figures.search.search_trials import SearchTrials, position_in_range
from analysis.figures.style import FAINT, GREY, INK, WIDTH
from analysis.record.ranking import first_objective
from analysis.record.rows import TrialRow
from analysis.record.states import COMPLETE

SHOWN = 8  # most parameters shown
JITTER, GOLDEN = 0.12, 0.618  # share of the axis; multiples of GOLDEN modulo 1 are spread evenly
LETTERS = 11  # most characters of a choice
END = 0.1  # distance of the labels from the ends of the axis, as a share of it
MAP = "viridis_r"  # the best trials are darkest


def _order(trial: TrialRow) -> tuple[bool, float, int]:
    """The best complete trial comes last, so that its line is on top."""
    return trial.state == COMPLETE, first_objective(trial) or 0.0, -trial.number


def parallel(search: SearchTrials) -> Drawing | None:
    """One axis per parameter; None before two trials are complete."""
    names = selected_parameters(search)
    if len(search.complete) < 2 or not names:
        return None
    figure = new_figure(WIDTH, 4.0)
    axes = figure.subplots()
    values = [search.scale * float(trial.value or 0.0) for trial in search.complete]
    low, high = min(values), max(values)
    norm = Normalize(low, high if high > low else low + 1)
    for trial in sorted(search.trials, key=_order):
        _line(axes, search, trial, names, norm)
    _rulers(axes, search, names)
    bar = figure.colorbar(ScalarMappable(norm, MAP), ax=axes, aspect=25, pad=0.02)
    bar.set_label(search.axis)
    missing = len(search.space) - len(names)
    why = too_few(search)
    return Drawing(
        "parallel",
        "Trials by their parameters",
        "One line per trial through its parameter values, with the low end of each range at the bottom; coloured by "
        "value, the best drawn last. Grey dashed lines are pruned trials. A line is interrupted where a trial does not "
        "have the parameter. "
        + (f"{missing} more parameters are not shown. " if missing > 0 else "")
        + (f"{why} " if why else "")
        + search.facts,
        f"Parallel coordinates of {len(search.trials)} trials over {', '.join(names)}.",
        figure,
    )


def selected_parameters(search: SearchTrials) -> list[str]:
    """Returns the parameters to show: the most important ones if known, otherwise the first, in their order."""
    searched = [name for name in search.space if any(name in trial.params for trial in search.trials)]
    if len(searched) <= SHOWN or too_few(search):
        return searched[:SHOWN]
    weight = importances(search)
    selected = set(sorted(searched, key=lambda name: -weight[name])[:SHOWN])
    return [name for name in searched if name in selected]


def _line(axes: Axes, search: SearchTrials, trial: TrialRow, names: list[str], norm: Normalize) -> None:
    places = [_place(search.space[name], trial, name) for name in names]
    complete = trial.state == COMPLETE
    colour = colormaps[MAP](norm(search.scale * float(trial.value or 0.0))) if complete else GREY
    # A value between two missing parameters has no line: the marker shows it.
    axes.plot(range(len(names)), np.array(places), color=colour, linestyle="-" if complete else (0, (3, 2)),
              linewidth=1.5 if complete else 0.8, alpha=0.9 if complete else 0.5, marker="o",
              markersize=2.5)  # fmt: skip


def _place(row: Mapping[str, Any], trial: TrialRow, name: str) -> float:
    """`position_in_range`, with jitter for categorical values so that trials do not overlap."""
    if name not in trial.params:
        return math.nan
    apart = JITTER * ((GOLDEN * trial.number) % 1 - 0.5) if row["kind"] in ("categorical", "bool") else 0.0
    return position_in_range(row, trial.params[name]) + apart


def _rulers(axes: Axes, search: SearchTrials, names: list[str]) -> None:
    axes.set_xlim(-0.4, len(names) - 0.4)
    axes.set_ylim(-0.15, 1.15)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_xticks(range(len(names)), [name.replace(".", ".\n", 1) for name in names], rotation=35, ha="right")
    axes.tick_params(axis="x", length=0, labelsize=8)
    for place, name in enumerate(names):
        axes.plot([place, place], [0, 1], color=FAINT, linewidth=1.2, zorder=0)
        # Labels of the ends are outside, where there are no lines.
        for at, text in ticks(search.space[name]):
            beyond = {0.0: -END, 1.0: END}.get(at, 0.0)
            axes.annotate(text, (place, at + beyond), fontsize=7.5, color=INK, ha="center" if beyond else "left",
                          va="center", xytext=(0 if beyond else 5, 0), textcoords="offset points",
                          zorder=5)  # fmt: skip


def ticks(row: Mapping[str, Any]) -> list[tuple[float, str]]:
    """Returns the labels of an axis as (position, text): its choices, or the ends of its range."""
    if row["kind"] in ("categorical", "bool"):
        return [(position_in_range(row, value), _choice(value)) for value in row["choices"]]
    return [(0.0, f"{row['low']:.4g}"), (1.0, f"{row['high']:.4g}")]


def _choice(value: Any) -> str:
    text = ("on" if value else "off") if isinstance(value, bool) else str(value)
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 1]}…"
