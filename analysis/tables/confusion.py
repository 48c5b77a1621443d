"""Confusion matrices: which class the motion classifier predicts for clips of each class."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from amc.evaluation.score_sheet import ScoreSheet
from analysis.record.states import OURS
from analysis.scores.study_scores import StudyScores, entry_word
from analysis.tables.layout.caption import facts, sentence
from analysis.tables.layout.cells import number
from analysis.tables.layout.formats import Table
from analysis.tables.layout.text_table import TextTable

Counts = npt.NDArray[np.int64]


def confusion_counts(sheets: Iterable[ScoreSheet], classes: int) -> Counts:
    """Returns (K, K): number of clips of each requested class (row) by predicted class (column), over all sheets."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    for sheet in sheets:
        np.add.at(counts, (np.asarray(sheet.label), np.asarray(sheet.predicted)), 1)
    return counts


def confusion_content(scores: StudyScores) -> dict[str, Any]:
    """Returns the content of `confusion.json`: `counts` over all seeds and `percent` of each row, for every arm."""
    named = [(arm.slug, arm.title, list(arm.sheets.values())) for arm in scores.arms]
    named += [(key, title, [sheet]) for key, title, sheet in references(scores)]
    rows = []
    for key, title, sheets in named:
        counts = confusion_counts(sheets, len(scores.class_names))
        rows.append({"arm": key, "title": title, "n_seeds": len(sheets), "counts": counts.tolist()})
        rows[-1]["percent"] = [[percentage(cell, line.sum()) for cell in line] for line in counts]
    return {"caption": facts(scores), "classes": list(scores.class_names), "rows": rows}


def confusion_table(scores: StudyScores) -> Table:
    """Returns the table in all its forms; Markdown and LaTeX show Ours only."""
    content = confusion_content(scores)
    classes = content["classes"]
    rows = tuple(
        (f"{row['title']}: {name}", *(number(share, ".0f") for share in row["percent"][asked]))
        for row in content["rows"]
        if row["arm"] == OURS
        for asked, name in enumerate(classes)
    )
    what = "class predicted by the motion classifier, in % of the clips generated for the row's class"
    records = [
        {"arm": row["arm"], "title": row["title"], "class": name, "seen_as": seen}
        | {"clips": row["counts"][a][b], "percent": row["percent"][a][b]}
        for row in content["rows"]
        for a, name in enumerate(classes)
        for b, seen in enumerate(classes)
    ]
    view = TextTable(
        caption=sentence(content["caption"], what),
        head=(entry_word(scores.row), *classes),
        rows=rows,
        notes=(f"The other {entry_word(scores.row)}s are in the CSV and JSON files.",),
    )
    return Table("confusion", content, view, records)


def references(scores: StudyScores) -> list[tuple[str, str, ScoreSheet]]:
    """Returns (key, title, score sheet) of the real clips and the repeated first frame, as far as there are any."""
    both = (("real", "real clips", scores.real), ("still", "first frame", scores.still))
    return [(key, title, sheet) for key, title, sheet in both if sheet is not None]


def percentage(part: int, whole: int) -> float | None:
    """Returns `part` in percent of `whole`; None if `whole` is 0."""
    return 100 * float(part) / float(whole) if whole else None
