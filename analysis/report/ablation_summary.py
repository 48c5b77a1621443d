"""Summary of an ablation study in words, from the content of Table 4: no statement is stronger than its interval."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from analysis.record.states import OURS
from analysis.report.formatting import listed, number, p_value, quoted, span
from analysis.report.page import Finding, Summary
from analysis.statistics.levels import ALPHA, INTERVAL
from analysis.statistics.rank_agreement import rank_agreement
from analysis.tables.layout.cells import plural
from analysis.tables.table4_notes import grown_note

MOST = 100.0  # largest possible difference of two accuracies, in points
EQUAL = 0.05  # points below which class shares are printed as one number
Row = Mapping[str, Any]


def summarize_ablation(table: Mapping[str, Any], without_motion: Collection[str] = ()) -> Summary:
    """Summarizes which parts of the model matter.

    Args:
        table: content from `analysis.tables.table4.ablation_content`; accuracies and differences in percent.
        without_motion: slugs of the arms whose generator gets no motion condition.
    """
    caption, rows = table["caption"], list(table["rows"])
    measured = [row for row in rows if row["mean"] is not None]
    ours = next((row for row in measured if row["arm"] == OURS), None)
    parts: list[Finding] = []
    if ours is None:
        answer = "No results yet: no run of Ours is complete, and all arms are compared with Ours."
        return Summary(answer, tuple(_chance(measured, without_motion, caption)))
    others = [row for row in measured if row["arm"] != OURS and not row.get("control")]
    tested = [row for row in others if row["p_holm"] is not None and row["difference_ci95"] is not None]
    significant = sorted(filter(_is_significant, tested), key=lambda row: (-abs(row["difference"]), row["arm"]))
    not_significant = [row for row in tested if row not in significant]
    answer = _at_chance(ours, caption, significant) + _answer(others, tested, significant, not_significant)
    if significant:
        parts.append(
            Finding("Significant differences, largest first", _SIGNIFICANT, tuple(map(_significant_item, significant)))
        )
    if not_significant:
        parts.append(
            Finding(
                "Not significantly different from Ours",
                _NOT_SIGNIFICANT,
                tuple(map(_not_significant_item, not_significant)),
            )
        )
    untested = [row for row in others if row not in tested]
    if untested:
        parts.append(Finding("Not tested", _untested_text(untested), tuple(map(_untested_item, untested))))
    parts += [Finding("Control", _control_item(row)) for row in measured if row.get("control")]
    parts += [Finding("Seeds added later", note) for note in grown_note(caption.get("grown"))]
    missing = [row for row in rows if row["mean"] is None]
    if missing:
        parts.append(Finding("Not run yet", f"{_titles(missing)}: no complete run."))
    parts.append(Finding("Accuracy of Ours", _accuracy_of_ours(ours, caption)))
    parts += _chance(measured, without_motion, caption)
    parts += _paper(measured, significant, caption) if tested else []
    parts += _second_classifier(measured)
    return Summary(answer, tuple(parts))


def _is_significant(row: Row) -> bool:
    low, high = row["difference_ci95"]
    return bool(row["p_holm"] <= ALPHA and (low > 0 or high < 0))


_SIGNIFICANT = (
    f"Differences to Ours in percentage points, over paired seeds. Each {INTERVAL} excludes 0, and each p is at most "
    f"{ALPHA} after Holm's correction over all arms compared."
)

_NOT_SIGNIFICANT = (
    "This does not show that the arms are equal to Ours: any difference within its interval remains possible. "
    "\u201cDetectable\u201d is the smallest true difference, in points, that this study detects with 80% power "
    f"at the level that Holm's correction leaves for these arms, followed by its {INTERVAL}, since few seeds estimate "
    "the variance poorly."
)


def _at_chance(ours: Row, caption: Mapping[str, Any], significant: Sequence[Row]) -> str:
    """A warning that comes first if Ours is not shown to be better than chance."""
    if ours["ci95"] is None or ours["ci95"][0] > caption["chance"]:
        return ""
    low, high = ours["ci95"]
    how = "is not distinguishable from chance" if high >= caption["chance"] else "is below chance"
    so = "differences to it say little about its parts" if significant else "nothing can be concluded about its parts"
    return (
        f"Ours {how} at this size ({number(ours['mean'])}%, {INTERVAL} {span([low, high])}; chance is "
        f"{number(caption['chance'])}%), so {so}. "
    )


def _answer(
    others: Sequence[Row], tested: Sequence[Row], significant: Sequence[Row], not_significant: Sequence[Row]
) -> str:
    if not others:
        return "No comparison is possible yet: Ours is the only arm with a complete run."
    if not tested:
        return (
            "No conclusion about which parts matter is possible: no arm shares two complete seeds with Ours, so there "
            "is no interval and no test. The single runs below are preliminary."
        )
    basis = _basis(tested)
    if not significant:
        return (
            f"No arm is significantly different from Ours with {basis}. That does not show that the parts have no "
            "effect: the intervals say how large a difference may still be."
        )
    worse = [row for row in significant if row["difference"] < 0]
    better = [row for row in significant if row["difference"] > 0]
    sentences = []
    if worse:
        sentences.append(
            f"{_of_arms(worse, tested)} significantly lower than Ours, largest loss first: {_titles(worse)}."
        )
    if better:
        sentences.append(f"{_of_arms(better, tested)} significantly higher than Ours: {_titles(better)}.")
    if not_significant:
        verb = "is" if len(not_significant) == 1 else "are"
        sentences.append(f"{_titles(not_significant)} {verb} not significantly different from Ours with {basis}.")
    else:
        sentences.append(f"The comparison uses {basis}.")
    return " ".join(sentences)


def _of_arms(rows: Sequence[Row], tested: Sequence[Row]) -> str:
    verb = "scores" if len(rows) == 1 else "score"
    return f"{len(rows)} of {plural(len(tested), 'arm')} compared {verb}"


def _basis(tested: Sequence[Row]) -> str:
    counts = sorted({row["n_pairs"] for row in tested})
    return plural(counts[0], "seed") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds"


def _titles(rows: Sequence[Row]) -> str:
    return listed([quoted(row["title"]) for row in rows])


def _significant_item(row: Row) -> str:
    way = "lower" if row["difference"] < 0 else "higher"
    return f"{row['title']}: {number(abs(row['difference']))} points {way} than Ours ({_interval_and_p(row)})."


def _not_significant_item(row: Row) -> str:
    low, high = row["difference_ci95"]
    excluded = low > 0 or high < 0
    alone = "; the interval excludes 0, but the difference is not significant after correction" if excluded else ""
    return (
        f"{row['title']}: {number(row['difference'], '+.1f')} points ({_interval_and_p(row)}{alone}{_detectable(row)})."
    )


def _detectable(row: Row) -> str:
    least, interval = row.get("detectable"), row.get("detectable_ci95")
    if least is None:
        return ""
    if least >= MOST:
        return "; no difference is detectable with 80% power"
    sure = "" if interval is None else f", {number(interval[0])} to {number(min(interval[1], MOST))}"
    return f"; detectable: {number(least)}{sure}"


def _control_item(row: Row) -> str:
    """Ours with other seeds, which differs from Ours by chance alone."""
    if row["p"] is None:
        return f"{row['title']}: accuracy {number(row['mean'])}; too few seeds to compare with Ours."
    text = (
        f"{row['title']} differs from Ours by chance alone and is not part of the correction: "
        f"{number(row['difference'], '+.1f')} points ({INTERVAL} {span(row['difference_ci95'], '+.1f')}, Welch's "
        f"unpaired test, p {p_value(row['p'])})."
    )
    return text + (" Check the study before trusting its other differences." if row["p"] <= ALPHA else "")


def _interval_and_p(row: Row) -> str:
    return f"{INTERVAL} {span(row['difference_ci95'], '+.1f')}, Holm p {p_value(row['p_holm'])}"


def _untested_text(rows: Sequence[Row]) -> str:
    return (
        "These arms share too few seeds with Ours for an interval or a test. The values are single runs and allow no "
        "conclusion."
        if any(row["difference"] is not None for row in rows)
        else "These arms share no completed seed with Ours yet."
    )


def _untested_item(row: Row) -> str:
    difference = f", difference {number(row['difference'], '+.1f')}" if row["difference"] is not None else ""
    return f"{row['title']}: accuracy {number(row['mean'])}{difference}."


def _accuracy_of_ours(ours: Row, caption: Mapping[str, Any]) -> str:
    interval = f" ({INTERVAL} {span(ours['ci95'])})" if ours["ci95"] is not None else " (one seed, no interval)"
    text = (
        f"The motion classifier predicts the requested class for {number(ours['mean'])}% of the clips that Ours "
        f"generates{interval}. Chance is {number(caption['chance'])}%"
    )
    still = caption.get("first_frame_accuracy")
    if still is not None:
        text += f"; clips that repeat their first frame reach {number(still)}%"
    return f"{text}; real test clips reach {number(caption['real_accuracy'])}%."


def _chance(rows: Sequence[Row], without_motion: Collection[str], caption: Mapping[str, Any]) -> list[Finding]:
    """Whether the intervals of arms without a motion condition contain chance, and which others do."""
    least, most = caption["guessing"]
    alike = most - least < EQUAL
    chance = f"{number(caption['chance'])}%" if alike else f"{span([least, most])}%, depending on the class guessed"
    sure = [row for row in rows if row["ci95"] is not None]
    at = [row for row in sure if row["ci95"][0] <= most and least <= row["ci95"][1]]
    blind = [row for row in sure if row["arm"] in without_motion]
    above = [row for row in blind if row["ci95"][0] > most]
    below = [row for row in blind if row["ci95"][1] < least]
    expected = [row for row in at if row in blind]
    sentences = []
    if expected:
        sentences.append(
            f"{_with_span(expected)}: the interval contains chance ({chance}), as expected without a motion condition "
            "if the first frame does not reveal the class."
        )
    if above:
        sentences.append(
            f"{_with_span(above)}: above chance ({chance}) although the generator gets no motion condition. Either the "
            "first frame reveals something about the class, or class information leaks. Check this before trusting the "
            "other results."
        )
    if below:
        sentences.append(f"{_with_span(below)}: below chance ({chance}), which guessing does not explain. Check this.")
    others = [row for row in at if row not in blind]
    if others:
        sentences.append(f"The interval also contains chance for {_with_span(others)}.")
    unsure = [row for row in rows if row["ci95"] is None and row["arm"] in without_motion]
    if unsure:
        means = listed([f"{quoted(row['title'])} ({number(row['mean'])})" for row in unsure])
        sentences.append(f"{means}: one seed gives no interval to compare with chance ({chance}).")
    return [Finding("Chance", " ".join(sentences))] if sentences else []


def _with_span(rows: Sequence[Row]) -> str:
    return listed([f"{quoted(row['title'])} ({number(row['mean'])}; {span(row['ci95'])})" for row in rows])


def _paper(rows: Sequence[Row], significant: Sequence[Row], caption: Mapping[str, Any]) -> list[Finding]:
    """Agreement with the directions and the order that the paper reports."""
    both = [row for row in rows if row["paper"] is not None]
    ours = next((row for row in both if row["arm"] == OURS), None)
    if len(both) < 3 or ours is None:
        return []
    signed = [row for row in significant if row["paper"] is not None]
    opposed = [row for row in signed if (row["difference"] < 0) != (row["paper"] < ours["paper"])]
    sentences = []
    if signed:
        agreed = len(signed) - len(opposed)
        sentences.append(
            f"Of {plural(len(signed), 'arm')} significantly different from Ours, {agreed} "
            f"{'differs' if agreed == 1 else 'differ'} in the direction that the paper reports"
            + (f"; {_titles(opposed)} in the opposite direction." if opposed else ".")
        )
    else:
        sentences.append("No arm is significantly different from Ours, so no direction can be compared with the paper.")
    order = caption.get("order")
    if order is not None:
        sure = order.get("ci95")
        over = "" if sure is None else f"; {INTERVAL} over seeds {span(sure, '.2f')}"
        sentences.append(
            f"Rank agreement with the paper over {plural(order['arms'], 'arm')}: Kendall's "
            f"tau {number(order['tau'], '.2f')} (1: same order, 0: no association, {number(-1, '.0f')}: reverse order"
            f"{over}; p {p_value(order['p'])})."
        )
    place, place_paper = _ranks(both, "mean"), _ranks(both, "paper")
    far = max(both, key=lambda row: abs(place[row["arm"]] - place_paper[row["arm"]]))
    if abs(place[far["arm"]] - place_paper[far["arm"]]) > 1:
        sentences.append(
            f"Largest change of rank: {far['title']}, rank {place[far['arm']]} of {len(both)} by its mean here, "
            f"rank {place_paper[far['arm']]} in the paper. Differences between neighbouring ranks may be noise."
        )
    if caption["origin"] == "procedural" or caption["preset"] != "paper":
        sentences.append(
            "Only directions and order can be compared, not absolute accuracies: the paper uses the recorded videos at "
            f"full size, this study {caption['dataset']} with origin={caption['origin']} at preset {caption['preset']}."
        )
    return [Finding("Comparison with the paper", " ".join(sentences))]


def _second_classifier(rows: Sequence[Row]) -> list[Finding]:
    """Whether the order of the arms depends on the classifier."""
    both = [row for row in rows if row.get("second_mean") is not None]
    if len(both) < 3:
        return []
    order = rank_agreement({row["arm"]: row["mean"] for row in both}, {row["arm"]: row["second_mean"] for row in both})
    if order is None:
        return []
    far = max(both, key=lambda row: abs(row["mean"] - row["second_mean"]))
    text = (
        f"Rank agreement with a classifier trained from another seed over {order.arms} arms: Kendall's tau "
        f"{number(order.tau, '.2f')}. The largest difference is that of {far['title']}: {number(far['mean'])}% by the "
        f"first and {number(far['second_mean'])}% by the second."
    )
    return [Finding("Second classifier", text)]


def _ranks(rows: Sequence[Row], key: str) -> dict[str, int]:
    """{arm: rank}, where equal values share the better rank."""
    return {row["arm"]: 1 + sum(other[key] > row[key] for other in rows) for row in rows}
