"""Validation accuracy during training: each arm next to Ours, with the range over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from analysis.figures.ablation.arm_panels import Band, band, panels
from analysis.figures.captions import study_facts
from analysis.figures.drawing import Drawing
from analysis.figures.style import BLACK
from analysis.record.states import OURS
from analysis.scores.study_scores import ArmScores, StudyScores, entry_word, ours_word
from analysis.tables.layout.cells import plural


def curves(scores: StudyScores) -> Drawing | None:
    """One panel per arm; None before the first validation."""
    bands = {arm.slug: found for arm in scores.arms if (found := _band(arm)) is not None}
    if not bands:
        return None
    ours = bands.pop(OURS, None)

    def chance(axes: Axes) -> None:
        axes.axhline(100 * scores.chance, color=BLACK, linestyle=":", linewidth=1.2, label="chance")

    figure = panels(
        ours,
        list(bands.values()),
        x="training steps",
        y="validation accuracy, %",
        limits=(-3, 103),
        extra=chance,
        row=scores.row,
    )
    shown = [arm for arm in scores.arms if arm.slug in bands or (arm.slug == OURS and ours is not None)]
    return Drawing(
        "curves",
        "Accuracy during training",
        "Motion accuracy on clips generated for the validation split, by training step: mean over seeds; the band "
        "spans the lowest to the highest seed (not a confidence interval). Test clips are not used here. "
        + study_facts(scores, shown, split="validation"),
        f"Line charts of validation accuracy by training step, one panel per {entry_word(scores.row)} next to "
        f"{ours_word(scores.row)}. Last values, mean "
        "over seeds: " + ", ".join(_describe(one) for one in [*([ours] if ours else []), *bands.values()]) + ".",
        figure,
    )


def _band(arm: ArmScores) -> Band | None:
    """Band of the complete runs, or of the started runs if none is complete."""
    if arm.complete:
        found = [run.curve for run in arm.complete if run.curve]
        return band(f"{arm.title} ({plural(len(found), 'seed')})", _percent(found))
    begun = [run.curve for run in arm.runs if run.curve]
    return band(f"{arm.title} (not complete)", _percent(begun))


def _percent(curves: Sequence[Mapping[int, float]]) -> list[dict[int, float]]:
    return [{step: 100 * value for step, value in curve.items()} for curve in curves]


def _describe(one: Band) -> str:
    return f"{one.title} {one.values[:, -1].mean():.0f}%"
