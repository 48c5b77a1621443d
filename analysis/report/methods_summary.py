"""Summary of Table 3 in words, from its content: no statement is stronger than its interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from analysis.record.states import OURS
from analysis.report.formatting import listed, number, p_value, span
from analysis.report.page import Finding, Summary
from analysis.statistics.levels import ALPHA, INTERVAL
from analysis.tables.layout.cells import plural

Row = Mapping[str, Any]


def summarize_methods(table: Mapping[str, Any]) -> Summary:
    """Summarizes how the methods compare with AMC-GAN on each data set.

    Args:
        table: content from `analysis.tables.table3.methods_content`; accuracies and differences in percent.
    """
    caption, rows = table["caption"], list(table["rows"])
    answers = [_answer(one, [row for row in rows if row["dataset"] == one["dataset"]]) for one in caption["datasets"]]
    return Summary(" ".join(answers), tuple(_findings(caption, rows)))


def _answer(data: Mapping[str, Any], rows: Sequence[Row]) -> str:
    name = data["dataset"]
    ours = next((row for row in rows if row["arm"] == OURS), None)
    if ours is None or ours["mean"] is None:
        return f"{name}: no results yet, because no run of AMC-GAN is complete."
    tested = [row for row in rows if row["p_holm"] is not None]
    text = f"{name}: AMC-GAN reaches {number(ours['mean'])}%"
    text += f" ({INTERVAL} {span(ours['ci95'])})" if ours["ci95"] is not None else " (one seed, no interval)"
    if not tested:
        return f"{text}; no method shares two complete seeds with it, so no difference can be tested."
    lower = [row for row in tested if _significant(row) and row["difference"] < 0]
    higher = [row for row in tested if _significant(row) and row["difference"] > 0]
    unclear = [row for row in tested if not _significant(row)]
    parts = [
        f"{_titles(some)} {'is' if len(some) == 1 else 'are'} {how}"
        for some, how in (
            (lower, "significantly lower"),
            (higher, "significantly higher"),
            (unclear, "not significantly different"),
        )
        if some
    ]
    return f"{text}; {listed(parts)}."


def _significant(row: Row) -> bool:
    low, high = row["difference_ci95"] or (0, 0)
    return bool(row["p_holm"] <= ALPHA and (low > 0 or high < 0))


def _titles(rows: Sequence[Row]) -> str:
    return listed([row["title"] for row in rows])


def _findings(caption: Mapping[str, Any], rows: Sequence[Row]) -> Iterator[Finding]:
    tested = [row for row in rows if row["p_holm"] is not None]
    if tested:
        yield Finding(
            "Differences to AMC-GAN",
            f"In percentage points, over paired seeds; p is Holm-corrected over {plural(len(tested), 'comparison')}. A "
            "difference that is not significant may still be as large as its interval allows.",
            tuple(map(_difference, tested)),
        )
    yield Finding("Tuning", _tuning(caption["tuned"]))
    yield Finding(
        "Reference accuracies",
        "Accuracy without a model of motion, and accuracy on real clips.",
        tuple(_bounds(caption)),
    )
    unproven = [row for row in rows if reaches_reference(row, caption)]
    if unproven:
        yield Finding(
            "Not shown to be better than a reference",
            "These intervals reach down to chance, or to the accuracy of repeating a frame that the method sees: "
            + listed([f"{row['title']} on {row['dataset']} ({span(row['ci95'])})" for row in unproven])
            + ".",
        )
    missing = [f"{row['title']} on {row['dataset']}" for row in rows if row["mean"] is None]
    if missing:
        yield Finding("Not run yet", f"{listed(missing)}: no complete run.")


def _difference(row: Row) -> str:
    return (
        f"{row['dataset']}, {row['title']}: {number(row['difference'], '+.1f')} points ({INTERVAL} "
        f"{span(row['difference_ci95'], '+.1f')}, Holm p {p_value(row['p_holm'])})."
    )


def _tuning(tuned: Mapping[str, Any] | None) -> str:
    if tuned is None:
        return (
            "No method was tuned: each was trained with the settings of its preset, which were not chosen with equal "
            "effort. A comparison of tuned methods needs --tune N."
        )
    return (
        f"Each method was trained with the best settings of {plural(tuned['trials'], 'trial')} of its own search, "
        f"selected on validation clips: {listed(tuned['methods'])}."
    )


def _bounds(caption: Mapping[str, Any]) -> Iterator[str]:
    for one in caption["datasets"]:
        text = f"{one['dataset']}: chance {number(one['chance'])}%"
        for key, what in (("first_frame_accuracy", "first"), ("last_seen_accuracy", "last seen")):
            if one[key] is not None:
                text += f", {what} frame repeated {number(one[key])}%"
        yield f"{text}, real clips {number(one['real_accuracy'])}%."


def reaches_reference(row: Row, caption: Mapping[str, Any]) -> bool:
    """Whether a method's interval reaches down to chance, or to the accuracy of repeating a frame that it sees."""
    one = next(one for one in caption["datasets"] if one["dataset"] == row["dataset"])
    floors = [one["chance"], one["first_frame_accuracy"]]
    if (row["frames_seen"] or 1) > 1:
        floors.append(one["last_seen_accuracy"])
    return row["ci95"] is not None and any(floor is not None and row["ci95"][0] <= floor for floor in floors)
