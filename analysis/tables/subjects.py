"""Accuracy by test subject, for every arm: do all performers agree, or is a result that of a few?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from analysis.record.states import OURS
from analysis.scores.study_scores import ArmScores, StudyScores, correct, ours_word
from analysis.tables.layout.caption import facts, sentence
from analysis.tables.layout.cells import number
from analysis.tables.layout.formats import Table
from analysis.tables.layout.text_table import TextTable

WHAT = "motion classifier accuracy (%) by test subject, mean over the runs that tested the subject"
ON_A_PAGE = 36  # rows of a table in a paper


def subjects_content(scores: StudyScores) -> dict[str, Any]:
    """Returns the content of `subjects.json`: {"caption", "arms", "rows" (one per subject)}; accuracies in percent.

    `accuracy` has the mean over an arm's runs that tested the subject, and `runs` their number.
    """
    by_arm = {arm.slug: _by_subject(arm) for arm in scores.arms}
    fold = {name: sheet_fold for sheet_fold, names in _tested(scores).items() for name in names}
    rows: list[dict[str, Any]] = []
    for subject in scores.subjects:
        found = {slug: by_subject.get(subject, []) for slug, by_subject in by_arm.items()}
        sheet = next(sheet for sheet in scores.test_sheets if subject in sheet.subject)
        rows.append(
            {
                "subject": subject,
                "fold": fold.get(subject),
                "clips": sheet.subject.count(subject),
                "accuracy": {slug: 100 * float(np.mean(one)) if one else None for slug, one in found.items()},
                "runs": {slug: len(one) for slug, one in found.items()},
            }
        )
    caption = facts(scores)
    arms = [{"arm": arm.slug, "title": arm.title} for arm in scores.arms]
    spread = {slug: _spread([row["accuracy"][slug] for row in rows]) for slug in by_arm}
    return {"caption": caption, "arms": arms, "rows": rows, "spread": spread}


def subjects_table(scores: StudyScores) -> Table:
    """Returns the table in all its forms; without rows if the subjects of the test clips are unknown."""
    content = subjects_content(scores)
    slugs, rows, spread = [arm["arm"] for arm in content["arms"]], content["rows"], content["spread"]
    text = TextTable(
        caption=sentence(content["caption"], WHAT),
        head=("subject", "clips", *(arm["title"] for arm in content["arms"])),
        rows=tuple(
            (str(row["subject"]), str(row["clips"]), *(number(row["accuracy"][slug]) for slug in slugs)) for row in rows
        ),
        references=tuple(
            (title, "-", *(number(None if spread[slug] is None else spread[slug][name]) for slug in slugs))
            for title, name in (("lowest", "low"), ("median", "median"), ("highest", "high"), ("SD", "sd"))
        ),
        notes=(_note(content, ours_word(scores.row)),),
    )
    records = [
        {
            "subject": row["subject"],
            "fold": row["fold"],
            "clips": row["clips"],
            "arm": arm["arm"],
            "title": arm["title"],
        }
        | {"accuracy": row["accuracy"][arm["arm"]], "runs": row["runs"][arm["arm"]]}
        for row in rows
        for arm in content["arms"]
    ]
    return Table("subjects", content, text, records, paper=text if len(rows) <= ON_A_PAGE else None)


def _by_subject(arm: ArmScores) -> dict[int, list[float]]:
    """{subject: accuracy, 0 to 1, of each run that tested it}."""
    found: dict[int, list[float]] = {}
    for sheet in arm.sheets.values():
        right, subjects = correct(sheet), np.asarray(sheet.subject)
        for name in np.unique(subjects):
            found.setdefault(int(name), []).append(float(right[subjects == name].mean()))
    return found


def _tested(scores: StudyScores) -> dict[int, set[int]]:
    """{fold: its subjects}; empty for a fixed test split."""
    return {} if scores.folds is None else {fold: set(ids.tolist()) for fold, ids in scores.folds.subjects.items()}


def _spread(values: list[float | None]) -> dict[str, float] | None:
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return None
    return {
        "low": min(known),
        "median": float(np.median(known)),
        "high": max(known),
        "sd": float(np.std(known, ddof=1)),
    }


def _note(content: Mapping[str, Any], name: str) -> str:
    ours = content["spread"].get(OURS)
    text = "A subject's accuracy also varies with its few clips and with the seed of the run that tested it"
    if ours is None:
        return f"{text}."
    return f"{text}. With {name}, subjects range from {ours['low']:.1f} to {ours['high']:.1f}% (SD {ours['sd']:.1f})."
