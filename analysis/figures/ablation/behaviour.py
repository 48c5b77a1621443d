"""Identity, diversity and motion energy of each arm, next to real clips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from analysis.figures.captions import arm_label, excluded_runs, study_facts
from analysis.figures.drawing import Drawing, new_figure
from analysis.figures.style import BLUE, GREEN, GREY, WIDTH, arm_rows, grid_lines
from analysis.scores.study_scores import ArmScores, StudyScores, entry_word
from analysis.statistics.levels import INTERVAL

MEASURES = ("identity", "diversity_noise", "diversity_velocity", "motion_energy")


def behaviour(scores: StudyScores, metrics: Mapping[str, Any]) -> Drawing | None:
    """One panel per measure, one row per arm; None if the score sheets have none of the measures.

    Args:
        metrics: content from `metrics_content`.
    """
    known = [metric for metric in metrics["metrics"] if metric["key"] in MEASURES]
    known.sort(key=lambda metric: MEASURES.index(metric["key"]))
    entries = {row["arm"]: row["values"] for row in metrics["rows"]}
    arms = [arm for arm in scores.arms if any(entries[arm.slug][metric["key"]] for metric in known)]
    if not arms:
        return None
    real: Mapping[str, Any] = next((row["values"] for row in metrics["references"] if row["key"] == "real"), {})
    planned = int(scores.row.settings["seeds"])
    columns = min(2, len(known))
    rows = -(-len(known) // columns)
    figure = new_figure(WIDTH, 0.7 + rows * (0.75 + 0.23 * len(arms)))
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for place, axes in enumerate(grid.flat):
        if place >= len(known):
            axes.set_visible(False)
            continue
        key = known[place]["key"]
        arm_rows(axes, [arm_label(arm, planned, len(arm.sheets)) for arm in arms])
        grid_lines(axes)
        if real.get(key):
            axes.axvline(real[key]["mean"], color=GREEN, linestyle="-.", linewidth=1.2, label="real clips")
        for row, arm in enumerate(arms):
            _arm(axes, row, arm, known[place], entries[arm.slug][key])
        axes.set_xlabel(known[place]["title"])
        if known[place]["title"].endswith("%"):
            axes.set_xlim(-3, 103)
        else:
            axes.set_xlim(0, 1.06 * axes.dataLim.x1 or 1)  # all values are 0 if no clip moves
    seen = {text: handle for axes in grid.flat for handle, text in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(list(seen.values()), list(seen), loc="outside lower center", ncols=len(seen))
    return Drawing(
        "behaviour",
        "Identity, diversity and motion",
        "Identity kept: share of frames in which a subject classifier predicts the subject of the first frame. "
        "Diversity: mean absolute pixel difference (range 0 to 1) between two clips that differ in the noise z, or in "
        "the velocities drawn for the class. Motion energy: mean absolute difference of consecutive frames. Means over "
        f"seeds with {INTERVAL}s if there are several seeds; grey points are single seeds. The vertical line is the "
        "value of the real test clips (for identity: real clips of the training subjects). "
        + study_facts(scores, arms)
        + excluded_runs(scores),
        f"Dot plots by {entry_word(scores.row)}. "
        + "; ".join(f"{metric['title']}: {_describe(arms, entries, metric['key'])}" for metric in known)
        + ".",
        figure,
    )


def _arm(axes: Axes, row: int, arm: ArmScores, metric: Mapping[str, Any], entry: Mapping[str, Any] | None) -> None:
    if entry is None:
        return
    key = metric["key"]
    found = [sheet.clips.get(key) or sheet.numbers.get(key) for sheet in arm.sheets.values()]
    values = [metric["scale"] * float(np.mean(one)) for one in found if one is not None]
    spread = np.linspace(-0.22, 0.22, len(values))
    if len(values) > 1:
        axes.plot(values, row + spread, linestyle="none", marker="o", markersize=3, color=GREY, alpha=0.75,
                  label="single seed")  # fmt: skip
    low, high = entry["ci95"] or (entry["mean"], entry["mean"])
    axes.plot([low, high], [row, row], color=BLUE, linewidth=1.6)
    axes.plot([entry["mean"]], [row], linestyle="none", marker="o", markersize=6, color=BLUE, zorder=3,
              label=f"mean, {INTERVAL}" if entry["ci95"] else "single run")  # fmt: skip


def _describe(arms: list[ArmScores], entries: Mapping[str, Mapping[str, Any]], key: str) -> str:
    return ", ".join(f"{arm.title} {entry['mean']:.3g}" for arm in arms if (entry := entries[arm.slug][key]))
