"""Recall by class: the share of each class's clips that the motion classifier recognises, in percent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from amc.evaluation.score_sheet import ScoreSheet
from analysis.scores.study_scores import StudyScores, entry_word
from analysis.tables.confusion import confusion_counts, percentage, references
from analysis.tables.layout.caption import facts, sentence
from analysis.tables.layout.cells import number
from analysis.tables.layout.formats import Table
from analysis.tables.layout.text_table import TextTable


def recall_content(scores: StudyScores) -> dict[str, Any]:
    """Returns the content of `recall.json`: {"caption", "classes", "rows" (one per arm), "references"}.

    A row has `recall` by class (mean over seeds; None for a class without clips), and its `low` and `high` over seeds.
    """
    return {
        "caption": facts(scores),
        "classes": list(scores.class_names),
        "rows": [
            {"arm": arm.slug, "title": arm.title, "n_seeds": len(arm.sheets), **_recall(scores, [*arm.sheets.values()])}
            for arm in scores.arms
        ],
        "references": [
            {"key": key, "title": title, **_recall(scores, [sheet])} for key, title, sheet in references(scores)
        ],
    }


def recall_table(scores: StudyScores) -> Table:
    """Returns the table in all its forms."""
    content = recall_content(scores)
    classes = content["classes"]

    def cells(row: dict[str, Any]) -> tuple[str, ...]:
        return row["title"], str(row.get("n_seeds", "-")), *(number(value, ".0f") for value in row["recall"])

    view = TextTable(
        caption=sentence(content["caption"], "recall (%) by class, mean over seeds"),
        head=(entry_word(scores.row), "seeds", *classes),
        rows=tuple(map(cells, content["rows"])),
        references=tuple(map(cells, content["references"])),
    )
    records = [
        {"arm": row.get("arm", row.get("key")), "title": row["title"], "class": name}
        | {key: row[key][place] for key in ("recall", "low", "high")}
        for row in (*content["rows"], *content["references"])
        for place, name in enumerate(classes)
    ]
    return Table("recall", content, view, records)


def _recall(scores: StudyScores, sheets: Sequence[ScoreSheet]) -> dict[str, list[float | None]]:
    by_seed = [confusion_counts([sheet], len(scores.class_names)) for sheet in sheets]
    shares = [[percentage(counts[k, k], counts[k].sum()) for k in range(len(counts))] for counts in by_seed]
    columns = [[value for value in column if value is not None] for column in zip(*shares, strict=True)]
    columns = columns or [[] for _ in scores.class_names]
    return {
        "recall": [float(np.mean(column)) if column else None for column in columns],
        "low": [min(column) if column else None for column in columns],
        "high": [max(column) if column else None for column in columns],
    }
