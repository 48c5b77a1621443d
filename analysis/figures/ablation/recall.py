"""Share of each class's clips that are recognised, arm by arm."""

from __future__ import annotations

import numpy as np

from analysis.figures.ablation.confusion import shares
from analysis.figures.ablation.heatmap import READABLE, heat
from analysis.figures.captions import labelled, study_facts, without_sheets
from analysis.figures.drawing import Drawing, canvas
from analysis.figures.style import WIDTH
from analysis.tables.study_scores import StudyScores


def recall(scores: StudyScores) -> Drawing | None:
    """A row an arm, a column a class, and the real clips below; None without score sheets."""
    arms = [arm for arm in scores.arms if arm.sheets]
    if not arms:
        return None
    names, classes = list(scores.class_names), len(scores.class_names)
    planned = int(scores.row.settings["seeds"])
    rows = {labelled(arm, planned, len(arm.sheets)): shares(arm.sheets.values(), classes).diagonal() for arm in arms}
    if scores.real is not None:
        rows["real clips"] = shares([scores.real], classes).diagonal()
    longest = max(map(len, names))
    figure = canvas(WIDTH, 0.9 + 0.28 * len(rows) + 0.075 * longest)
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
        "Recall, class by class",
        "Percentage of each class's generated test clips in which the motion classifier sees that class, all seeds "
        "together. " + study_facts(scores, arms) + without_sheets(scores),
        f"Heat map, {len(rows)} rows by {classes} classes. Lowest class of each row: "
        + ", ".join(f"{name}: {lowest}" for name, lowest in worst.items())
        + ".",
        figure,
    )
