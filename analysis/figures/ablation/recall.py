"""Recall by class for every arm."""

from __future__ import annotations

import numpy as np

from analysis.figures.ablation.confusion import row_percentages
from analysis.figures.ablation.heatmap import READABLE, heat
from analysis.figures.captions import arm_label, excluded_runs, study_facts
from analysis.figures.drawing import Drawing, new_figure
from analysis.figures.style import WIDTH
from analysis.scores.study_scores import StudyScores


def recall(scores: StudyScores) -> Drawing | None:
    """One row per arm, one column per class, real clips at the bottom; None without score sheets."""
    arms = [arm for arm in scores.arms if arm.sheets]
    if not arms:
        return None
    names, classes = list(scores.class_names), len(scores.class_names)
    planned = int(scores.row.settings["seeds"])
    rows = {
        arm_label(arm, planned, len(arm.sheets)): row_percentages(arm.sheets.values(), classes).diagonal()
        for arm in arms
    }
    if scores.real is not None:
        rows["real clips"] = row_percentages([scores.real], classes).diagonal()
    longest = max(map(len, names))
    figure = new_figure(WIDTH, 0.9 + 0.28 * len(rows) + 0.075 * longest)
    axes = figure.subplots()
    values = np.stack(list(rows.values()))
    image = heat(axes, values, list(rows), names)
    if classes > READABLE:
        axes.tick_params(axis="x", labelsize=7.5)
    axes.set_xlabel("class")
    figure.colorbar(image, ax=axes, label="recall, %", aspect=20, pad=0.02)
    worst = {name: names[int(np.nanargmin(row))] for name, row in rows.items()}
    return Drawing(
        "recall",
        "Recall by class",
        "Percentage of each class's generated test clips that the motion classifier recognises, over all seeds. "
        + study_facts(scores, arms)
        + excluded_runs(scores),
        f"Heat map, {len(rows)} rows by {classes} classes. Lowest class of each row: "
        + ", ".join(f"{name}: {lowest}" for name, lowest in worst.items())
        + ".",
        figure,
    )
