"""Sentences of figure captions: the runs, clips and data that a figure is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.record.rows import StudyRow
from analysis.scores.study_scores import ArmScores, StudyScores, entry_word
from analysis.tables.layout.cells import plural


def data_facts(row: StudyRow) -> str:
    """Returns the data set, its origin, and the preset."""
    return f"{row.dataset['name']}, origin {row.dataset['origin']}, preset {row.preset}"


def study_facts(scores: StudyScores, arms: Sequence[ArmScores] | None = None, *, split: str = "test") -> str:
    """Returns the last sentences of a caption: numbers of seeds and clips, data, and missing or failed runs.

    Args:
        arms: the arms shown; None means all.
        split: the split whose clips are shown.
    """
    among = scores.arms if arms is None else arms
    shown = [len(arm.accuracies) if split == "test" else len(arm.complete) for arm in among]
    counts = sorted({count for count in shown if count})
    if not counts:
        seeds = "no complete run yet"
    elif len(counts) == 1:
        seeds = f"{plural(counts[0], 'seed')} per {entry_word(scores.row)}"
    else:
        seeds = f"{counts[0]} to {counts[-1]} seeds per {entry_word(scores.row)}"
    clips = scores.clips if split == "test" else scores.row.dataset["split"].get(split)
    text = f"{seeds[0].upper()}{seeds[1:]}" + ("" if clips is None else f", {plural(int(clips), f'{split} clip')}")
    if scores.folds is not None and split != "test":  # the record has the size of the first fold
        text += " per fold"
    text += f"; {data_facts(scores.row)}."
    if scores.finished < scores.planned:
        text += f" NOT FINISHED: {scores.finished} of {scores.planned} runs."
    if scores.failed:
        text += f" Failed: {', '.join(run.key for run in scores.failed)}."
    return text


def interval_method(table: Mapping[str, Any]) -> str:
    """Returns a sentence on how the intervals of `ablation_content` were computed; empty if it has none."""
    has = any(row["ci95"] for row in table["rows"])
    return f"Intervals: {table['caption']['statistics']}. " if has else ""


def excluded_runs(scores: StudyScores) -> str:
    """Returns a sentence on complete runs without a score sheet; empty if all have one."""
    missing = sum(len(arm.complete) - len(arm.sheets) for arm in scores.arms)
    if not missing:
        return ""
    return f" Excluded: {plural(missing, 'run')} without per-clip scores."


def excluded_from_accuracies(scores: StudyScores) -> str:
    """The same for figures of accuracies, which include runs without a sheet if no run has one."""
    return excluded_runs(scores) if scores.clipwise else ""


def arm_label(arm: ArmScores, planned: int, count: int | None = None) -> str:
    """Returns an arm's title, with its number of runs if it differs from the planned number."""
    count = len(arm.complete) if count is None else count
    return arm.title if count == planned else f"{arm.title} ({count} of {planned})"
