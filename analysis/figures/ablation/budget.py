"""Cost of accuracy: time per run, and training steps until an arm reaches 90% of Ours' accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis.figures.captions import arm_label, excluded_from_accuracies, study_facts
from analysis.figures.drawing import Drawing, new_figure
from analysis.figures.style import BLUE, GREY, WIDTH, Mark, arm_rows, grid_lines, marks
from analysis.scores.learning_speed import TARGET_SHARE
from analysis.scores.study_scores import ArmScores, StudyScores, ours_word
from analysis.statistics.steps_to_target import steps_to_target
from analysis.tables.layout.cells import possessive

MINUTES = 180  # seconds above which the axis is in minutes


def budget(scores: StudyScores, table: Mapping[str, Any]) -> Drawing | None:
    """Accuracy against time, and steps to the table's target; None before the first run is complete.

    Args:
        table: content from `ablation_content`.
    """
    arms = [arm for arm in scores.arms if arm.complete]
    if not arms:
        return None
    rows = {row["arm"]: row for row in table["rows"]}
    ours = possessive(ours_word(scores.row))
    goal, planned = table["caption"]["target"], int(scores.row.settings["seeds"])
    figure = new_figure(WIDTH, 1.4 + 0.27 * max(8, len(arms)))
    left, right = figure.subplots(1, 2)
    marks_by_arm = dict(zip((arm.slug for arm in scores.arms), marks(len(scores.arms)), strict=True))
    _costs(left, arms, rows, marks_by_arm)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=5)
    caption = (
        "Left: test accuracy against the time per run on the study's machine; other work on the machine makes runs "
        "longer. "
    )
    alt = "Scatter of a run's time against its accuracy"
    if goal is None:
        right.set_visible(False)
    else:
        arm_rows(right, [arm_label(arm, planned) for arm in arms])
        _steps(right, arms, rows, goal)
        caption += (
            f"Right: training steps until the validation accuracy reached {goal:.1f}%, which is {TARGET_SHARE:.0%} of "
            f"{ours} final value (mean over its seeds), interpolated between evaluations: single seeds and their "
            "median. A cross at the right edge is a seed that never reached the target; without a blue point, neither "
            "did the median. "
        )
        described = "; ".join(_describe(arm, goal) for arm in arms)
        alt += f", and steps to {TARGET_SHARE:.0%} of {ours} accuracy, seed by seed: {described}"
    caption += study_facts(scores, arms) + excluded_from_accuracies(scores)
    return Drawing("budget", "Budget and accuracy", caption, f"{alt}.", figure)


def _costs(axes: Axes, arms: list[ArmScores], rows: Mapping[str, Any], marks_by_arm: Mapping[str, Mark]) -> None:
    longest = max(rows[arm.slug]["seconds"] or 0.0 for arm in arms)
    unit, size = ("minutes", 60.0) if longest > MINUTES else ("seconds", 1.0)
    for arm in arms:
        mark, row = marks_by_arm[arm.slug], rows[arm.slug]
        axes.plot([row["seconds"] / size], [row["mean"]], linestyle="none", marker=mark.marker, color=mark.colour,
                  markersize=7, label=arm.title)  # fmt: skip
    axes.set_xlim(0, 1.08 * longest / size or 1.0)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_ylim(-3, 103)
    grid_lines(axes, "both")
    axes.set_xlabel(f"{unit} per run, mean over seeds")
    axes.set_ylabel("test accuracy, mean over seeds, %")


def _steps(axes: Axes, arms: list[ArmScores], rows: Mapping[str, Any], goal: float) -> None:
    """Draws steps to `goal` percent; seeds that never reached it lie beyond the budget."""
    last = max(run.budget for arm in arms for run in arm.complete)
    labels = {"seed": "single seed", "never": "not reached", "median": "median"}
    for place, arm in enumerate(arms):
        found = _found(arm, goal)
        spread = np.linspace(-0.22, 0.22, len(found)) if len(found) > 1 else np.zeros(len(found))
        for offset, steps in zip(spread, found, strict=True):
            kind, marker = ("never", "x") if steps is None else ("seed", "o")
            axes.plot([1.08 * last if steps is None else steps], [place + offset], linestyle="none", marker=marker,
                      markersize=4, color=GREY, label=labels.pop(kind, None))  # fmt: skip
        median = (rows[arm.slug]["steps_to_target"] or {}).get("median")
        if median is not None:
            axes.plot([median], [place], linestyle="none", marker="o", markersize=6.5, color=BLUE, zorder=3,
                      label=labels.pop("median", None))  # fmt: skip
    grid_lines(axes)
    axes.set_xlim(0, 1.14 * last)
    axes.set_xlabel(f"steps to {goal:.0f}% validation accuracy")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, columnspacing=1.2, handletextpad=0.4)


def _found(arm: ArmScores, goal: float) -> list[float | None]:
    return [steps_to_target(run.curve, goal / 100) for run in arm.complete if run.curve]


def _describe(arm: ArmScores, goal: float) -> str:
    return f"{arm.title} " + ", ".join(
        "not reached" if steps is None else f"{steps:.0f}" for steps in _found(arm, goal)
    )
