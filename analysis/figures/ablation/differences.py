"""Paired differences to Ours with their intervals; markers show which are significant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.figures.captions import excluded_from_accuracies, interval_method, study_facts
from analysis.figures.drawing import Drawing, new_figure
from analysis.figures.style import BLACK, BLUE, GREY, INK, WIDTH, arm_rows, grid_lines
from analysis.record.rows import StudyRow
from analysis.record.states import OURS
from analysis.scores.study_scores import StudyScores, entry_word, ours_word
from analysis.statistics.levels import ALPHA, INTERVAL
from analysis.tables.layout.cells import p_text

DIFFERENT = f"significantly different (Holm-corrected p at most {ALPHA})"
UNCLEAR, UNTESTED = "not significantly different", "not tested (one seed)"
CONTROL = "control (Welch's test, not corrected)"
_MARKS = {DIFFERENT: (BLUE, "o"), UNCLEAR: (GREY, "s"), UNTESTED: (GREY, "^"), CONTROL: (GREY, "P")}


def differences(scores: StudyScores, table: Mapping[str, Any]) -> Drawing | None:
    """One row per arm other than Ours; None if no arm shares a seed with Ours.

    Args:
        table: content from `ablation_content`, in percentage points.
    """
    rows = [row for row in table["rows"] if row["arm"] != OURS and row["difference"] is not None]
    if not rows:
        return None
    paper = {row["arm"]: row["paper"] for row in table["rows"]}
    figure = new_figure(WIDTH, 1.45 + 0.33 * len(rows))
    axes = figure.subplots()
    arm_rows(axes, [str(row["title"]) for row in rows])
    grid_lines(axes)
    axes.axvline(0, color=BLACK, linewidth=1.0, gid="zero")
    paper_label: str | None = "difference in the paper"
    labelled: set[str] = set()
    for place, row in enumerate(rows):
        mean, interval, verdict = row["difference"], row["difference_ci95"], significance(row)
        colour, marker = _MARKS[verdict]
        error = None if interval is None else [[mean - interval[0]], [interval[1] - mean]]
        axes.errorbar([mean], [place], xerr=error, fmt=marker, markersize=6.5, capsize=3.5, color=colour,
                      elinewidth=1.6, markerfacecolor=colour if verdict == DIFFERENT else "white", zorder=3,
                      label=None if verdict in labelled else verdict)  # fmt: skip
        labelled.add(verdict)
        if row["paper"] is not None and paper.get(OURS) is not None:
            axes.plot([row["paper"] - paper[OURS]], [place], linestyle="none", marker="D", markersize=6,
                      markerfacecolor="none", markeredgecolor=BLACK, zorder=4, label=paper_label)  # fmt: skip
            paper_label = None
        p = "" if row["p_holm"] is None else p_text(row["p_holm"])
        axes.annotate(p, (1.0, place), xycoords=("axes fraction", "data"), xytext=(6, 0), fontsize=8.5,
                      textcoords="offset points", va="center", color=INK)  # fmt: skip
    axes.set_xlabel(f"difference to {ours_word(scores.row)}, percentage points")
    figure.legend(loc="outside lower center", ncols=2)
    return Drawing(
        "differences",
        f"Differences to {ours_word(scores.row)}",
        f"Mean paired difference of each {entry_word(scores.row)}'s test accuracy to {ours_word(scores.row)}. "
        f"{_verdicts(rows, scores.row)}"
        + ("Hollow diamonds: differences in the paper, on its own data. " if paper_label is None else "")
        + interval_method(table)
        + study_facts(scores)
        + excluded_from_accuracies(scores),
        f"Dot plot of differences to {ours_word(scores.row)} in percentage points. "
        + " ".join(_describe(row) for row in rows),
        figure,
    )


def significance(row: Mapping[str, Any]) -> str:
    """Returns the result of the table's test for a row; for Ours with other seeds, how it is compared."""
    if row.get("control"):
        return CONTROL
    if row["p_holm"] is None:
        return UNTESTED
    return DIFFERENT if row["p_holm"] <= ALPHA else UNCLEAR


def _verdicts(rows: Sequence[Mapping[str, Any]], study: StudyRow) -> str:
    text, verdicts = "", {significance(row) for row in rows}
    if verdicts & {DIFFERENT, UNCLEAR}:
        text += f"Bars are {INTERVAL}s; p values of the paired test are Holm-corrected over the {entry_word(study)}s. "
    elif CONTROL in verdicts:
        text += f"Bars are {INTERVAL}s. "
    unclear = [str(row["title"]) for row in rows if significance(row) == UNCLEAR]
    if unclear:
        text += (
            f"Hollow squares ({', '.join(unclear)}) are not significantly different, which does not show that they are "
            "equal. "
        )
    untested = [str(row["title"]) for row in rows if significance(row) == UNTESTED]
    if untested:
        text += (
            f"Hollow triangles ({', '.join(untested)}) share a single seed with {ours_word(study)}: no interval and no "
        )
        text += "test. "
    control = [str(row["title"]) for row in rows if significance(row) == CONTROL]
    if control:
        text += (
            f"Hollow plus ({', '.join(control)}): a control, compared by Welch's unpaired test outside of the "
            "correction. "
        )
    return text


def _describe(row: Mapping[str, Any]) -> str:
    span = "" if row["difference_ci95"] is None else " ({:+.1f} to {:+.1f})".format(*row["difference_ci95"])
    return f"{row['title']}: {row['difference']:+.1f}{span}, {significance(row)}."
