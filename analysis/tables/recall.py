"""Which classes are recognised, and what the others are taken for. In percent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from amc.evaluation.score_sheet import ScoreSheet
from analysis.tables.caption import facts, sentence
from analysis.tables.cells import number
from analysis.tables.formats import Table
from analysis.tables.study_scores import OURS, StudyScores
from analysis.tables.text_table import TextTable

Counts = npt.NDArray[np.int64]


def confusion(sheets: Sequence[ScoreSheet], classes: int) -> Counts:
    """(K, K): clips that were to be of a class (row) and are seen as one (column), summed over the sheets."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    for sheet in sheets:
        np.add.at(counts, (np.asarray(sheet.label), np.asarray(sheet.predicted)), 1)
    return counts


def recall_content(scores: StudyScores) -> dict[str, Any]:
    """The content of `recall.json`: {"caption", "classes", "rows" (an arm each), "references"}.

    A row has `recall` by class (mean over seeds; None for a class without clips), its `low` and `high` over seeds.
    """
    return {
        "caption": facts(scores),
        "classes": list(scores.class_names),
        "rows": [
            {"arm": arm.slug, "title": arm.title, "n_seeds": len(arm.sheets), **_recall(scores, [*arm.sheets.values()])}
            for arm in scores.arms
        ],
        "references": [
            {"key": key, "title": title, **_recall(scores, [sheet])} for key, title, sheet in _references(scores)
        ],
    }


def confusion_content(scores: StudyScores) -> dict[str, Any]:
    """The content of `confusion.json`: an arm's `counts` over all seeds and `percent` of each row."""
    named = [(arm.slug, arm.title, list(arm.sheets.values())) for arm in scores.arms]
    named += [(key, title, [sheet]) for key, title, sheet in _references(scores)]
    rows = []
    for key, title, sheets in named:
        counts = confusion(sheets, len(scores.class_names))
        rows.append({"arm": key, "title": title, "n_seeds": len(sheets), "counts": counts.tolist()})
        rows[-1]["percent"] = [[_share(cell, line.sum()) for cell in line] for line in counts]
    return {"caption": facts(scores), "classes": list(scores.class_names), "rows": rows}


def recall_table(scores: StudyScores) -> Table:
    """The table in all its forms."""
    content = recall_content(scores)
    classes = content["classes"]

    def cells(row: dict[str, Any]) -> tuple[str, ...]:
        return row["title"], str(row.get("n_seeds", "-")), *(number(value, ".0f") for value in row["recall"])

    view = TextTable(
        caption=sentence(content["caption"], "recall in % by class, mean over seeds"),
        head=("arm", "seeds", *classes),
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


def confusion_table(scores: StudyScores) -> Table:
    """The table in all its forms; those for people have Ours alone."""
    content = confusion_content(scores)
    classes = content["classes"]
    rows = tuple(
        (f"{row['title']}: {name}", *(number(share, ".0f") for share in row["percent"][asked]))
        for row in content["rows"]
        if row["arm"] == OURS
        for asked, name in enumerate(classes)
    )
    what = "what clips are taken for by the motion classifier, in % of those that were to be of the row's class"
    records = [
        {"arm": row["arm"], "title": row["title"], "class": name, "seen_as": seen}
        | {"clips": row["counts"][a][b], "percent": row["percent"][a][b]}
        for row in content["rows"]
        for a, name in enumerate(classes)
        for b, seen in enumerate(classes)
    ]
    view = TextTable(
        caption=sentence(content["caption"], what),
        head=("arm", *classes),
        rows=rows,
        notes=("The other arms are in the CSV and JSON forms.",),
    )
    return Table("confusion", content, view, records)


def _recall(scores: StudyScores, sheets: Sequence[ScoreSheet]) -> dict[str, list[float | None]]:
    by_seed = [confusion([sheet], len(scores.class_names)) for sheet in sheets]
    shares = [[_share(counts[k, k], counts[k].sum()) for k in range(len(counts))] for counts in by_seed]
    columns = [[value for value in column if value is not None] for column in zip(*shares, strict=True)]
    columns = columns or [[] for _ in scores.class_names]
    return {
        "recall": [float(np.mean(column)) if column else None for column in columns],
        "low": [min(column) if column else None for column in columns],
        "high": [max(column) if column else None for column in columns],
    }


def _references(scores: StudyScores) -> list[tuple[str, str, ScoreSheet]]:
    both = (("real", "real clips", scores.real), ("still", "first frame", scores.still))
    return [(key, title, sheet) for key, title, sheet in both if sheet is not None]


def _share(part: int, whole: int) -> float | None:
    return 100 * float(part) / float(whole) if whole else None
