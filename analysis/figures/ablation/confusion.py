"""Which class the motion classifier sees in clips of each class: Ours, and the arms that lose most."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from amc.evaluation.score_sheet import ScoreSheet
from analysis.figures.ablation.heatmap import heat
from analysis.figures.captions import study_facts, without_sheets
from analysis.figures.drawing import Drawing, canvas
from analysis.figures.style import WIDTH
from analysis.tables.study_scores import OURS, ArmScores, StudyScores

PANELS = 4


def confusion(scores: StudyScores) -> Drawing | None:
    """A matrix for Ours and up to three other arms; None without score sheets."""
    arms = chosen(scores)
    if not arms:
        return None
    names, classes = list(scores.class_names), len(scores.class_names)
    columns = min(2, len(arms))
    rows = -(-len(arms) // columns)
    side = min(3.0, max(1.6, 0.32 * classes))
    longest = max(map(len, names))
    figure = canvas(WIDTH, 0.7 + rows * (side + 0.35) + 0.075 * longest)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for place, axes in enumerate(grid.flat):
        if place >= len(arms):
            axes.set_visible(False)
            continue
        matrix = shares(arms[place].sheets.values(), classes)
        image = heat(axes, matrix, names, names, size=7.0 if classes > 8 else 8.0)
        axes.set_title(arms[place].title)
        axes.tick_params(axis="x", labelbottom=place + columns >= len(arms), rotation=90)
        axes.tick_params(axis="both", labelsize=6.5 if classes > 12 else 8.5)
    figure.supxlabel("class that the motion classifier sees", fontsize=9)
    figure.supylabel("class that was asked for", fontsize=9)
    figure.colorbar(image, ax=grid, label="% of the row", shrink=0.6, aspect=25, pad=0.02)
    diagonal = ", ".join(
        f"{arm.title} {np.nanmean(np.diag(shares(arm.sheets.values(), classes))):.0f}%" for arm in arms
    )
    return Drawing(
        "confusion",
        "Confusion of classes",
        f"Percentages of each row: what the motion classifier sees in clips of a class, all seeds together. Shown are "
        f"{', '.join(arm.title for arm in arms)}: Ours and the arms of the lowest accuracy. Empty cells are "
        "below 0.5%, a dash is a class without test clips. " + study_facts(scores, arms) + without_sheets(scores),
        f"Confusion matrices, {classes} by {classes}. Mean of the diagonal: {diagonal}.",
        figure,
    )


def chosen(scores: StudyScores) -> list[ArmScores]:
    """Ours and the arms of the lowest accuracy, of those with sheets, in the table's order."""
    scored = [arm for arm in scores.arms if arm.sheets]
    lowest = sorted((arm for arm in scored if arm.slug != OURS), key=lambda arm: float(arm.correct.mean()))
    room = PANELS - any(arm.slug == OURS for arm in scored)
    taken = {OURS, *(arm.slug for arm in lowest[:room])}
    return [arm for arm in scored if arm.slug in taken]


def shares(sheets: Iterable[ScoreSheet], classes: int) -> npt.NDArray[np.float64]:
    """(K, K) percentages of each row's clips; NaN where a class has none."""
    counts = np.zeros((classes, classes), dtype=np.float64)
    for sheet in sheets:
        np.add.at(counts, (np.asarray(sheet.label, dtype=int), np.asarray(sheet.predicted, dtype=int)), 1)
    total = counts.sum(axis=1, keepdims=True)
    return np.where(total > 0, 100 * counts / np.maximum(total, 1), np.nan)
