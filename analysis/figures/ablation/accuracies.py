"""Accuracy of every arm with its interval, next to chance, real clips and the paper's values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from analysis.figures.captions import excluded_from_accuracies, interval_method, study_facts
from analysis.figures.drawing import Drawing, new_figure
from analysis.figures.style import BLACK, BLUE, GREEN, GREY, VERMILLION, WIDTH, arm_rows, grid_lines
from analysis.scores.study_scores import StudyScores, entry_word
from analysis.statistics.levels import INTERVAL
from analysis.tables.layout.cells import plural

SPREAD = 0.22  # rows between the middle of an arm and its outermost seeds


def accuracies(scores: StudyScores, table: Mapping[str, Any]) -> Drawing | None:
    """One row per arm: mean, interval, seeds and the paper's value; None before the first run is complete.

    Args:
        table: content from `ablation_content`, in percent.
    """
    rows = table["rows"]
    if not any(row["n_seeds"] for row in rows):
        return None
    planned = int(scores.row.settings["seeds"])
    figure = new_figure(WIDTH, 1.6 + 0.33 * len(rows))
    axes = figure.subplots()
    arm_rows(axes, [_title(row, planned) for row in rows])
    grid_lines(axes)
    axes.axvline(100 * scores.chance, color=BLACK, linestyle=":", linewidth=1.4, label="chance", gid="chance")
    if scores.still_accuracy is not None:
        still = 100 * scores.still_accuracy
        axes.axvline(still, color=VERMILLION, linestyle="--", linewidth=1.2, label="first frame repeated", gid="still")
    real = 100 * scores.real_accuracy
    axes.axvline(real, color=GREEN, linestyle="-.", linewidth=1.2, label="real clips", gid="real")
    labels = {"seed": "single seed", "mean": "mean", "paper": "paper"}
    if max(row["n_seeds"] for row in rows) == 1:
        labels["mean"] = "single run"
    elif any(row["ci95"] for row in rows):
        labels["mean"] = f"mean, {INTERVAL}"
    for place, row in enumerate(rows):
        values = [row["values"][seed] for seed in sorted(row["values"], key=int)]
        spread = np.linspace(-SPREAD, SPREAD, len(values))
        if len(values) > 1:
            axes.plot(values, place + spread, linestyle="none", marker="o", markersize=3.2, color=GREY, alpha=0.75,
                      label=labels.pop("seed", None), gid=f"seeds-{row['arm']}")  # fmt: skip
        if len(values):
            error = None if row["ci95"] is None else [[row["mean"] - row["ci95"][0]], [row["ci95"][1] - row["mean"]]]
            axes.errorbar([row["mean"]], [place], xerr=error, fmt="o", markersize=6.5, color=BLUE, capsize=3.5,
                          elinewidth=1.6, zorder=3, label=labels.pop("mean", None))  # fmt: skip
        if row["paper"] is not None:
            axes.plot([row["paper"]], [place], linestyle="none", marker="D", markersize=6, markerfacecolor="none",
                      markeredgecolor=BLACK, zorder=4, label=labels.pop("paper", None))  # fmt: skip
    axes.set_xlim(-2, 102)
    axes.set_xlabel("motion accuracy on the test split, %")
    figure.legend(loc="outside lower center", ncols=3)
    return Drawing(
        "accuracies",
        f"Motion accuracy by {entry_word(scores.row)}",
        f"Share of generated test clips in which the motion classifier predicts the requested class: {_shown(rows)}. "
        "Vertical lines: chance, clips that repeat their first frame, and real clips. "
        + ("Hollow diamonds: values from the paper, measured on its own data. " if "paper" not in labels else "")
        + interval_method(table)
        + study_facts(scores)
        + excluded_from_accuracies(scores),
        f"Dot plot of accuracy by {entry_word(scores.row)}. " + " ".join(_describe(row) for row in rows),
        figure,
    )


def _title(row: Mapping[str, Any], planned: int) -> str:
    count = int(row["n_seeds"])
    return str(row["title"]) if count == planned else f"{row['title']} ({count} of {planned})"


def _shown(rows: list[Mapping[str, Any]]) -> str:
    if max(row["n_seeds"] for row in rows) == 1:
        return "single runs, since one seed gives no interval"
    interval = f" with its {INTERVAL}" if any(row["ci95"] for row in rows) else ""
    return f"mean over seeds{interval}, each seed as a grey point"


def _describe(row: Mapping[str, Any]) -> str:
    if not row["n_seeds"]:
        return f"{row['title']}: no complete run."
    span = "" if row["ci95"] is None else f" ({row['ci95'][0]:.1f} to {row['ci95'][1]:.1f})"
    return f"{row['title']}: {row['mean']:.1f}%{span}, {plural(int(row['n_seeds']), 'seed')}."
