"""Accuracies by keypoints alone (section 4.1, appendix B.4): one row per method or arm, the paper's values beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from amc.evaluation.keypoints.summary import ACCURACY, MISSING, MOST_MISSING, POINTS_MISSING, summary
from amc.evaluation.score_sheet import ScoreSheet
from analysis.record.rows import StudyRow
from analysis.record.states import OURS
from analysis.scores.estimates import PERCENT, POINTS, Clips, as_list, difference, estimate_mean
from analysis.scores.study_scores import TABLE_3, StudyScores, entry_word, ours_word
from analysis.statistics.holm import holm
from analysis.statistics.levels import INTERVAL
from analysis.tables.layout.caption import facts, sentence, spread_of
from analysis.tables.layout.cells import compared_cells, number, plural
from analysis.tables.layout.formats import Table
from analysis.tables.layout.text_table import TextTable
from analysis.tables.table3_notes import last_seen_note, tuned_methods, tuning_notes, tuning_statement
from analysis.tables.table4 import control_difference
from analysis.tables.table4_notes import control_note, interval_note

NAME = "keypoints"
WHAT = "accuracy (%) of the keypoint classifier on clips generated for the test split"
# Section 4.1, in percent, by arm; the names of methods are those of `--method`.
PAPER: Mapping[str, Mapping[str, float]] = {"mug": {OURS: 70.34, "cdna": 23.52, "adv_gdl": 28.81, "mcnet": 35.38}}


def has_keypoints(scores: StudyScores) -> bool:
    """Whether any run was scored by a keypoint classifier."""
    return any(ACCURACY in sheet.clips for arm in scores.arms for sheet in arm.sheets.values())


def keypoints_content(scores: StudyScores) -> dict[str, Any]:
    """Returns the content of `keypoints.json`: {"caption", "rows" (one per arm), "references"}.

    Differences use the seeds that both arms have, clip by clip; `p_holm` is corrected over all of them. Ours with other
    seeds (`control`) is compared by Welch's test, outside of the correction, as in Table 4.
    """
    values = {arm.slug: _values(arm.sheets) for arm in scores.arms}
    paper = PAPER.get(str(scores.row.dataset["name"]), {})
    rows: list[dict[str, Any]] = []
    tested = []
    for arm in scores.arms:
        mine = values[arm.slug]
        level = estimate_mean(mine, 100, PERCENT, folds=scores.folds)
        means = {seed: 100 * float(one.mean()) for seed, one in sorted(mine.items())}
        row: dict[str, Any] = {"arm": arm.slug, "title": arm.title, "paper": paper.get(arm.slug)}
        row["frames_seen"] = arm.frames_seen
        row |= {
            "control": arm.is_control,
            "mean": None if level is None else level.mean,
            "sd_seeds": float(np.std([*means.values()], ddof=1)) if len(means) > 1 else None,
            "ci95": None if level is None else as_list(level.interval),
            "n_seeds": len(mine),
            "clips": scores.clips,
            "n_pairs": 0,
            **dict.fromkeys(("difference", "difference_ci95", "p", "p_holm")),
        }
        if arm.is_control:
            row |= control_difference(scores, mine, values.get(OURS, {}))
        elif arm.slug != OURS:
            paired = difference(mine, values.get(OURS, {}))
            apart = estimate_mean(paired, 100, POINTS, folds=scores.folds)
            row["n_pairs"] = len(paired)
            if apart is not None:
                row |= {"difference": apart.mean, "difference_ci95": as_list(apart.interval), "p": apart.p}
        if row["p"] is not None and not arm.is_control:
            tested.append(row)
        row |= _missing([sheet for sheet in arm.sheets.values() if MISSING in sheet.clips])
        row["values"] = {str(seed): mean for seed, mean in means.items()}
        rows.append(row)
    for row, corrected in zip(tested, holm([row["p"] for row in tested]), strict=True):
        row["p_holm"] = corrected
    caption = facts(scores)
    caption["extractor"] = scores.row.settings.get("keypoints")
    caption["notes"] = _notes(scores, caption, rows, len(tested))
    references = _references(scores)
    # The caption's references are those of this classifier, not of the motion classifier.
    by_key = {one["arm"]: one["mean"] for one in references}
    caption["first_frame_accuracy"] = by_key.get("still")
    caption["real_accuracy"] = by_key.get("real")
    caption["real_second_accuracy"] = None
    return {"caption": caption, "rows": rows, "references": references}


def keypoints_table(scores: StudyScores) -> Table:
    """Returns the table in all its forms."""
    content = keypoints_content(scores)
    records = [{"kind": "method", **row} for row in content["rows"]]
    records += [{"kind": "reference", **row} for row in content["references"]]
    return Table(NAME, content, _text(content, scores.row), records)


def _text(content: Mapping[str, Any], study: StudyRow) -> TextTable:
    references = [("chance", content["caption"]["chance"], _absent({}))]
    references += [(one["title"], one["mean"], _absent(one)) for one in content["references"]]
    frames = study.kind == TABLE_3  # a column of the frames that each method sees
    return TextTable(
        caption=sentence(content["caption"], WHAT),
        head=(
            entry_word(study),
            *["frames seen"] * frames,
            "paper",
            f"mean ± SD of {spread_of(content['caption'])}, %",
            INTERVAL,
            "seeds",
            f"minus {ours_word(study)}",
            INTERVAL,
            "p (Holm)",
            "keypoints not found, %",
            "frames without keypoints, %",
            "unclassified clips, %",
        ),
        rows=tuple(_cells(row, frames) for row in content["rows"]),
        references=tuple(
            (title, *["-"] * frames, "-", number(mean), *["-"] * 5, *map(number, absent))
            for title, mean, absent in references
        ),
        notes=tuple(content["caption"]["notes"]),
    )


def _values(sheets: Mapping[int, ScoreSheet]) -> dict[int, Clips]:
    """{seed: (C,) whether each clip is right}."""
    return {seed: np.array(sheet.clips[ACCURACY]) == 1 for seed, sheet in sheets.items() if ACCURACY in sheet.clips}


def _missing(sheets: Sequence[ScoreSheet]) -> dict[str, Any]:
    """Mean percentages over runs of keypoints not found, of frames without any, and of clips that got no class."""
    if not sheets:
        return {"points_missing": None, "missing": None, "no_class": None}
    points, found = (np.concatenate([sheet.clips[name] for sheet in sheets]) for name in (POINTS_MISSING, MISSING))
    return {
        "points_missing": 100 * float(points.mean()),
        "missing": 100 * float(found.mean()),
        "no_class": 100 * float((found > MOST_MISSING).mean()),
    }


def _references(scores: StudyScores) -> list[dict[str, Any]]:
    known = (
        ("still", "first frame repeated", scores.still),
        ("last_seen", "last seen frame repeated", scores.last_seen),
        ("real", "real clips", scores.real),
    )
    return [
        {"arm": key, "title": title, "mean": 100 * float(np.mean(sheet.clips[ACCURACY])), **_missing([sheet])}
        for key, title, sheet in known
        if sheet is not None and ACCURACY in sheet.clips
    ]


def _cells(row: Mapping[str, Any], frames: bool) -> tuple[str, ...]:
    return (
        row["title"],
        *[number(row["frames_seen"], "d")] * frames,
        *compared_cells(row),
        *map(number, _absent(row)),
    )


def _absent(row: Mapping[str, Any]) -> list[float | None]:
    return [row.get(name) for name in ("points_missing", "missing", "no_class")]


def _notes(scores: StudyScores, caption: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], tests: int) -> list[str]:
    notes = []
    if caption["extractor"] is not None:
        notes.append(f"Keypoints are found by {summary(caption['extractor'])}.")
    notes.append(
        "Missing keypoints are not interpolated: a frame without keypoints gives an empty heatmap. A clip in which "
        f"more than {MOST_MISSING:.0%} of the frames have no keypoints is not classified and counts as wrong."
    )
    if scores.row.kind == TABLE_3:
        notes += _methods_notes(scores, caption)
    notes.append(interval_note(scores))
    if tests:
        notes.append(f"p values are Holm-corrected over {plural(tests, 'comparison')} with {ours_word(scores.row)}.")
    notes += [control_note(row) for row in rows if row["control"] and row["p"] is not None]
    if caption["dataset"] in PAPER and (caption["origin"] == "procedural" or caption["preset"] != "paper"):
        notes.append(
            "The paper's accuracies were measured with 68 OpenFace landmarks on the recorded videos at full size; only "
            "their order can be compared with this table."
        )
    return notes


def _methods_notes(scores: StudyScores, caption: Mapping[str, Any]) -> list[str]:
    tuned = tuned_methods([scores])
    statement = tuning_statement(tuned)
    notes = [f"{statement[0].upper()}{statement[1:]}.", *tuning_notes(tuned, caption, folds=bool(caption["folds"]))]
    shown = scores.last_seen is not None and ACCURACY in scores.last_seen.clips
    return notes + (last_seen_note(scores) if shown else [])
