"""Each arm's accuracy by two motion classifiers: does the order of the arms depend on the classifier?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from analysis.scores.estimates import PERCENT, POINTS, accuracies, as_list, difference, estimate_mean, second_accuracies
from analysis.scores.study_scores import StudyScores, entry_word
from analysis.statistics.levels import INTERVAL
from analysis.statistics.rank_agreement import rank_agreement, swapped_pairs
from analysis.tables.layout.caption import facts, sentence
from analysis.tables.layout.cells import number, p_text, plural, span
from analysis.tables.layout.formats import Table
from analysis.tables.layout.text_table import TextTable

PAIRS_SHOWN = 6


def judges_content(scores: StudyScores) -> dict[str, Any]:
    """Returns the content of `judges.json`: {"caption", "rows" (one per arm)}; `difference` is second minus first."""
    rows: list[dict[str, Any]] = []
    for arm in scores.arms:
        first, second = accuracies(scores, arm), second_accuracies(scores, arm)
        by_first, by_second = (estimate_mean(one, 100, PERCENT, folds=scores.folds) for one in (first, second))
        apart = estimate_mean(difference(second, first), 100, POINTS, folds=scores.folds)
        rows.append(
            {
                "arm": arm.slug,
                "title": arm.title,
                "n_seeds": len(first),
                "first": None if by_first is None else by_first.mean,
                "first_ci95": None if by_first is None else as_list(by_first.interval),
                "second": None if by_second is None else by_second.mean,
                "second_ci95": None if by_second is None else as_list(by_second.interval),
                "difference": None if apart is None else apart.mean,
                "difference_ci95": None if apart is None else as_list(apart.interval),
            }
        )
    by: list[dict[str, float | None]] = [{row["arm"]: row[name] for row in rows} for name in ("first", "second")]
    caption = facts(scores)
    order = rank_agreement(by[0], by[1])
    caption["order"] = None if order is None else asdict(order)
    caption["swapped"] = [list(pair) for pair in swapped_pairs(by[0], by[1])]
    return {"caption": caption, "rows": rows}


def judges_table(scores: StudyScores) -> Table:
    """Returns the table in all its forms."""
    content = judges_content(scores)
    caption, rows = content["caption"], content["rows"]
    references = []
    if caption["real_second_accuracy"] is not None:
        real, second = caption["real_accuracy"], caption["real_second_accuracy"]
        references = [("real clips", "-", number(real), "-", number(second), "-", number(second - real, "+.1f"), "-")]
    view = TextTable(
        caption=sentence(caption, "accuracy (%) by two motion classifiers trained with different seeds"),
        head=(entry_word(scores.row), "seeds", "first", INTERVAL, "second", INTERVAL, "second - first", INTERVAL),
        rows=tuple(
            (
                row["title"],
                str(row["n_seeds"]),
                number(row["first"]),
                span(row["first_ci95"]),
                number(row["second"]),
                span(row["second_ci95"]),
                number(row["difference"], "+.1f"),
                span(row["difference_ci95"]),
            )
            for row in rows
        ),
        references=tuple(references),
        notes=tuple(_notes(content, entry_word(scores.row))),
    )
    return Table("judges", content, view, rows)


def _notes(content: dict[str, Any], entry: str) -> list[str]:
    order, pairs = content["caption"]["order"], content["caption"]["swapped"]
    if order is None:
        return []
    titles = {row["arm"]: row["title"] for row in content["rows"]}
    text = (
        f"Rank agreement of the two classifiers over {plural(order['arms'], entry)}: Kendall's tau {order['tau']:.2f} "
    )
    text += f"({p_text(order['p'])})"
    if not pairs:
        return [f"{text}; no two {entry}s change places."]
    arms = order["arms"]
    shown = "; ".join(f"{titles[a]} and {titles[b]}" for a, b in pairs[:PAIRS_SHOWN])
    more = f"; and {len(pairs) - PAIRS_SHOWN} more in the JSON file" if len(pairs) > PAIRS_SHOWN else ""
    return [f"{text}. They order {len(pairs)} of {arms * (arms - 1) // 2} pairs differently: {shown}{more}."]
