"""Confusion matrices of Ours and of the arms with the lowest accuracy."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from amc.evaluation.score_sheet import ScoreSheet
from analysis.figures.ablation.heatmap import heat
from analysis.figures.captions import excluded_runs, study_facts
from analysis.figures.drawing import Drawing, new_figure
from analysis.figures.style import WIDTH
from analysis.record.states import OURS
from analysis.scores.study_scores import ArmScores, StudyScores, entry_word, ours_word
from analysis.tables.confusion import confusion_counts

PANELS = 4


def confusion(scores: StudyScores) -> Drawing | None:
    """Matrices of Ours and up to three other arms; None without score sheets."""
    arms = selected_arms(scores)
    if not arms:
        return None
    names, classes = list(scores.class_names), len(scores.class_names)
    columns = min(2, len(arms))
    rows = -(-len(arms) // columns)
    side = min(3.0, max(1.6, 0.32 * classes))
    longest = max(map(len, names))
    figure = new_figure(WIDTH, 0.7 + rows * (side + 0.35) + 0.075 * longest)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for place, axes in enumerate(grid.flat):
        if place >= len(arms):
            axes.set_visible(False)
            continue
        matrix = row_percentages(arms[place].sheets.values(), classes)
        image = heat(axes, matrix, names, names, size=7.0 if classes > 8 else 8.0)
        axes.set_title(arms[place].title)
        axes.tick_params(axis="x", labelbottom=place + columns >= len(arms), rotation=90)
        axes.tick_params(axis="both", labelsize=6.5 if classes > 12 else 8.5)
    figure.supxlabel("class predicted by the motion classifier", fontsize=9)
    figure.supylabel("requested class", fontsize=9)
    figure.colorbar(image, ax=grid, label="% of the row", shrink=0.6, aspect=25, pad=0.02)
    diagonal = ", ".join(
        f"{arm.title} {np.nanmean(np.diag(row_percentages(arm.sheets.values(), classes))):.0f}%" for arm in arms
    )
    return Drawing(
        "confusion",
        "Confusion of classes",
        "Predictions of the motion classifier in percent of each row, over all seeds. Shown are "
        f"{', '.join(arm.title for arm in arms)}: {ours_word(scores.row)} and the {entry_word(scores.row)}s with the "
        "lowest accuracy. Empty cells are below 0.5%; a dash marks a class without test clips. "
        + study_facts(scores, arms)
        + excluded_runs(scores),
        f"Confusion matrices, {classes} by {classes}. Mean of the diagonal: {diagonal}.",
        figure,
    )


def selected_arms(scores: StudyScores) -> list[ArmScores]:
    """Returns Ours and the arms with the lowest accuracy among those with score sheets, in the table's order."""
    scored = [arm for arm in scores.arms if arm.sheets]
    lowest = sorted(
        (arm for arm in scored if arm.slug != OURS), key=lambda arm: float(np.mean([*arm.accuracies.values()]))
    )
    room = PANELS - any(arm.slug == OURS for arm in scored)
    taken = {OURS, *(arm.slug for arm in lowest[:room])}
    return [arm for arm in scored if arm.slug in taken]


def row_percentages(sheets: Iterable[ScoreSheet], classes: int) -> npt.NDArray[np.float64]:
    """Returns (K, K): predictions in percent of each requested class (row); NaN if a class has no clips."""
    counts = confusion_counts(sheets, classes)
    total = counts.sum(axis=1, keepdims=True)
    return np.where(total > 0, 100 * counts / np.maximum(total, 1), np.nan)
