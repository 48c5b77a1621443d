"""What figures say in words: of which runs, clips and data a picture is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.record.rows import StudyRow
from analysis.tables.cells import plural
from analysis.tables.study_scores import ArmScores, StudyScores


def data_facts(row: StudyRow) -> str:
    """Data, their origin, and the preset."""
    return f"{row.dataset['name']}, origin {row.dataset['origin']}, preset {row.preset}"


def study_facts(scores: StudyScores, arms: Sequence[ArmScores] | None = None, *, split: str = "test") -> str:
    """The closing sentences of a caption: seeds, clips, data, and what is missing yet.

    Args:
        arms: those that the figure shows; None is all.
        split: whose clips the figure is about.
    """
    among = scores.arms if arms is None else arms
    shown = [len(arm.accuracies) if split == "test" else len(arm.complete) for arm in among]
    counts = sorted({count for count in shown if count})
    if not counts:
        seeds = "no complete run yet"
    elif len(counts) == 1:
        seeds = f"{plural(counts[0], 'seed')} an arm"
    else:
        seeds = f"{counts[0]} to {counts[-1]} seeds an arm"
    clips = scores.row.dataset.get("split", {}).get(split)
    said = f"{seeds[0].upper()}{seeds[1:]}" + ("" if clips is None else f", {plural(int(clips), f'{split} clip')}")
    said += f"; {data_facts(scores.row)}."
    if scores.finished < scores.planned:
        said += f" NOT FINISHED: {scores.finished} of {scores.planned} runs."
    if scores.failed:
        said += f" Given up: {', '.join(run.key for run in scores.failed)}."
    return said


def how(table: Mapping[str, Any]) -> str:
    """A sentence on how the intervals of `ablation_content` were computed; empty where it has none."""
    has = any(row["ci95"] for row in table["rows"])
    return f"Intervals: {table['caption']['statistics']}. " if has else ""


def without_sheets(scores: StudyScores) -> str:
    """A sentence on complete runs that have no score sheet; empty where all have one."""
    missing = sum(len(arm.complete) - len(arm.sheets) for arm in scores.arms)
    if not missing:
        return ""
    return f" Left out: {plural(missing, 'run')} without a score sheet."


def unscored(scores: StudyScores) -> str:
    """The same for a figure of accuracies, which has those of runs without a sheet only where no run has one."""
    return without_sheets(scores) if scores.clipwise else ""


def labelled(arm: ArmScores, planned: int, count: int | None = None) -> str:
    """An arm's title, with its number of runs where it is not what was planned."""
    count = len(arm.complete) if count is None else count
    return arm.title if count == planned else f"{arm.title} ({count} of {planned})"
