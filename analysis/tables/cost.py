"""Cost of each arm: seconds, attempts, and training steps to 90% of Ours' validation accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from analysis.scores.learning_speed import final_accuracy_of_ours, learning_speed, target_accuracy
from analysis.scores.study_scores import StudyScores, entry_word, ours_word
from analysis.tables.layout.caption import facts, sentence
from analysis.tables.layout.cells import number, possessive
from analysis.tables.layout.formats import Table
from analysis.tables.layout.text_table import TextTable


def cost_content(scores: StudyScores) -> dict[str, Any]:
    """Returns the content of `cost.json`: {"caption", "rows" (one per arm)}; `seconds` is the mean of complete runs."""
    target = target_accuracy(scores)
    rows = [
        {
            "arm": arm.slug,
            "title": arm.title,
            "n_seeds": len(arm.complete),
            "steps": max((run.budget for run in arm.runs), default=None),
            "seconds": float(np.mean([run.cost for run in arm.complete])) if arm.complete else None,
            "total_seconds": arm.cost,
            "attempts": sum(run.attempts for run in arm.runs),
            "steps_to_target": learning_speed(arm, target),
        }
        for arm in scores.arms
    ]
    return {
        "caption": {
            **facts(scores),
            "target": target,
            "ours_end": final_accuracy_of_ours(scores),
            "total_seconds": sum(arm.cost for arm in scores.arms),
        },
        "rows": rows,
    }


def cost_table(scores: StudyScores) -> Table:
    """Returns the table in all its forms."""
    content = cost_content(scores)
    view = TextTable(
        caption=sentence(content["caption"], f"cost of each {entry_word(scores.row)}"),
        head=(
            entry_word(scores.row),
            "runs",
            "steps per run",
            "seconds per run",
            "total minutes",
            "attempts",
            "steps to target",
            "range",
        ),
        rows=tuple(
            (
                row["title"],
                str(row["n_seeds"]),
                "-" if row["steps"] is None else str(row["steps"]),
                number(row["seconds"], ".0f"),
                number(row["total_seconds"] / 60, ".1f"),
                str(row["attempts"]),
                *_reached(row["steps_to_target"]),
            )
            for row in content["rows"]
        ),
        notes=_notes(content["caption"], possessive(ours_word(scores.row))),
    )
    return Table("cost", content, view, content["rows"])


def _notes(caption: Mapping[str, Any], ours: str) -> tuple[str, ...]:
    target, end = caption["target"], caption["ours_end"]
    if target is not None:
        return (
            f"The target is {target:.1f}% validation accuracy, 90% of {ours} final value. Steps are the median over "
            "seeds, interpolated linearly between evaluations; a seed that never reaches the target counts as later "
            "than all others.",
        )
    if end is not None:
        return (
            f"There is no target: 90% of {ours} final validation accuracy ({end:.1f}%) is not above chance "
            f"({caption['chance']:.1f}%).",
        )
    return ()


def _reached(found: Mapping[str, Any] | None) -> tuple[str, str]:
    if found is None:
        return "-", "-"
    if not found["reached"]:
        return "never", f"0 of {found['of']} seeds"
    seeds = "" if found["reached"] == found["of"] else f", {found['reached']} of {found['of']} seeds"
    high = "later" if found["high"] is None else f"{found['high']:.0f}"
    return "later" if found["median"] is None else f"{found['median']:.0f}", f"{found['low']:.0f} to {high}{seeds}"
