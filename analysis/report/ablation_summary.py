"""The answer in plain words, from Table 4's content alone: it says what the intervals and tests say, and no more."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from analysis.report.formatting import counted, listed, number, p_value, quoted, span
from analysis.report.page import Finding, Summary
from analysis.statistics.rank_agreement import rank_agreement

OURS = "ours"
MOST = 100.0  # points that two accuracies can differ by
EQUAL = 0.05  # points below which shares of classes are printed as one
LEVEL = 0.05  # of the family of comparisons, after Holm
Row = Mapping[str, Any]


def summarized(table: Mapping[str, Any], without_motion: Collection[str] = ()) -> Summary:
    """What the table answers to "which parts matter?".

    Args:
        table: as `analysis.tables.ablation.ablation_content` makes it; accuracies and differences in percent.
        without_motion: slugs of the arms whose generator is told nothing of the motion.
    """
    caption, rows = table["caption"], list(table["rows"])
    measured = [row for row in rows if row["mean"] is not None]
    ours = next((row for row in measured if row["arm"] == OURS), None)
    parts: list[Finding] = []
    if ours is None:
        answer = "Nothing can be said yet: no run of Ours is complete, and every comparison is to Ours."
        return Summary(answer, tuple(_chance(measured, without_motion, caption)))
    others = [row for row in measured if row["arm"] != OURS]
    tested = [row for row in others if row["p_holm"] is not None and row["difference_ci95"] is not None]
    told = sorted(filter(_told, tested), key=lambda row: (-abs(row["difference"]), row["arm"]))
    open_ = [row for row in tested if row not in told]
    answer = _at_chance(ours, caption, told) + _answer(others, tested, told, open_)
    if told:
        parts.append(Finding("What matters, the largest effect first", _HOW, tuple(map(_effect, told))))
    if open_:
        parts.append(Finding("What cannot be told from Ours with these runs", _OPEN, tuple(map(_range, open_))))
    untested = [row for row in others if row not in tested]
    if untested:
        parts.append(Finding("Compared without a test", _untested_text(untested), tuple(map(_bare, untested))))
    missing = [row for row in rows if row["mean"] is None]
    if missing:
        parts.append(Finding("Not run yet", f"{_titles(missing)}: no complete run."))
    parts.append(Finding("How good Ours is", _level(ours, caption)))
    parts += _chance(measured, without_motion, caption)
    parts += _paper(measured, told, caption) if tested else []
    parts += _second(measured)
    return Summary(answer, tuple(parts))


def _told(row: Row) -> bool:
    low, high = row["difference_ci95"]
    return bool(row["p_holm"] <= LEVEL and (low > 0 or high < 0))


_HOW = (
    "Difference to Ours in points of accuracy, over paired seeds; each has an interval that excludes 0 and "
    "a p of at most 0.05 after Holm's correction over all arms compared."
)

_OPEN = (
    "Not told apart is not shown to be equal: any difference inside its interval remains possible. Detectable is the "
    "true difference, in points, that these seeds would show, corrected, four times in five."
)


def _at_chance(ours: Row, caption: Mapping[str, Any], told: Sequence[Row]) -> str:
    """What comes before all else where Ours has not been shown to do better than guessing."""
    if ours["ci95"] is None or ours["ci95"][0] > caption["chance"]:
        return ""
    low, high = ours["ci95"]
    how = "is not told from chance" if high >= caption["chance"] else "is below chance"
    so = "no arm can be shown to lose anything by it" if told else "nothing about its parts can be learnt here"
    return (
        f"Ours itself {how} at this size ({number(ours['mean'])}%, 95% interval {span([low, high])}; guessing reaches "
        f"{number(caption['chance'])}%), so {so}. "
    )


def _answer(others: Sequence[Row], tested: Sequence[Row], told: Sequence[Row], open_: Sequence[Row]) -> str:
    if not others:
        return "Nothing can be compared yet: of the arms, only Ours has a complete run."
    if not tested:
        return (
            "Nothing can be claimed about which parts matter: no arm has two complete seeds in common with Ours, so "
            "there is no interval and no test. The single runs below are a first look."
        )
    basis = _basis(tested)
    if not told:
        return (
            f"No arm can be told from Ours with {basis}: every difference is compatible with none. "
            "That does not show that the parts are without effect; the intervals say how large one may still be."
        )
    worse = [row for row in told if row["difference"] < 0]
    better = [row for row in told if row["difference"] > 0]
    sentences = []
    if worse:
        sentences.append(f"{_of_arms(len(worse), len(tested))} lower, the largest loss first: {_titles(worse)}.")
    if better:
        sentences.append(f"{_of_arms(len(better), len(tested))} higher: {_titles(better)}.")
    if open_:
        names = _titles(open_)
        sentences.append(f"{names} cannot be told from Ours with {basis}.")
    else:
        sentences.append(f"This rests on {basis}.")
    return " ".join(sentences)


def _of_arms(count: int, total: int) -> str:
    verb = "scores" if count == 1 else "score"
    return f"{count} of the {counted(total, 'arm')} compared can be told from Ours and {verb}"


def _basis(tested: Sequence[Row]) -> str:
    counts = sorted({row["n_pairs"] for row in tested})
    return counted(counts[0], "seed") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds"


def _titles(rows: Sequence[Row]) -> str:
    return listed([quoted(row["title"]) for row in rows])


def _effect(row: Row) -> str:
    way = "lower" if row["difference"] < 0 else "higher"
    return f"{row['title']}: {number(abs(row['difference']))} points {way} than Ours ({_said(row)})."


def _range(row: Row) -> str:
    low, high = row["difference_ci95"]
    alone = "; its own interval excludes 0, but not after the correction" if low > 0 or high < 0 else ""
    return f"{row['title']}: {number(row['difference'], '+.1f')} points ({_said(row)}{alone}{_reach(row)})."


def _reach(row: Row) -> str:
    least = row.get("detectable")
    if least is None:
        return ""
    return f"; detectable: {number(least)}" if least < MOST else "; detectable: none, of any size"


def _said(row: Row) -> str:
    return f"95% interval {span(row['difference_ci95'], '+.1f')}, Holm p {p_value(row['p_holm'])}"


def _untested_text(rows: Sequence[Row]) -> str:
    return (
        "These arms have too few seeds in common with Ours for an interval or a test: the figures are single runs, "
        "from which nothing is concluded."
        if any(row["difference"] is not None for row in rows)
        else "These arms share no seed with Ours yet."
    )


def _bare(row: Row) -> str:
    difference = f", difference {number(row['difference'], '+.1f')}" if row["difference"] is not None else ""
    return f"{row['title']}: accuracy {number(row['mean'])}{difference}."


def _level(ours: Row, caption: Mapping[str, Any]) -> str:
    interval = f" (95% interval {span(ours['ci95'])})" if ours["ci95"] is not None else " (one seed, no interval)"
    text = (
        f"{number(ours['mean'])}% of the clips that Ours generates show, to the motion classifier, "
        f"the class that was asked for{interval}. Guessing reaches {number(caption['chance'])}%"
    )
    still = caption.get("first_frame_accuracy")
    if still is not None:
        text += f", repeating the first frame {number(still)}%"
    return f"{text}, the real test clips {number(caption['real_accuracy'])}%."


def _chance(rows: Sequence[Row], without_motion: Collection[str], caption: Mapping[str, Any]) -> list[Finding]:
    """Whether arms that are told no motion are at chance, and which others are."""
    least, most = caption["guessing"]
    alike = most - least < EQUAL
    reach = f"{number(caption['chance'])}%" if alike else f"{span([least, most])}%, by which class is guessed"
    sure = [row for row in rows if row["ci95"] is not None]
    at = [row for row in sure if row["ci95"][0] <= most and least <= row["ci95"][1]]
    blind = [row for row in sure if row["arm"] in without_motion]
    above = [row for row in blind if row["ci95"][0] > most]
    below = [row for row in blind if row["ci95"][1] < least]
    fallen = [row for row in at if row in blind]
    sentences = []
    if fallen:
        sentences.append(
            f"{_with_span(fallen)}: at chance ({reach}) within the interval, as an arm must be whose "
            "generator is not told the motion, where the first frame does not tell the class."
        )
    if above:
        sentences.append(
            f"{_with_span(above)}: above chance ({reach}), though the generator is not told the motion. "
            "The first frame tells something of the class, or something leaks: look into it before anything else "
            "here is believed."
        )
    if below:
        sentences.append(f"{_with_span(below)}: below chance ({reach}), which guessing does not explain: look into it.")
    others = [row for row in at if row not in blind]
    if others:
        sentences.append(f"Also not to be told from chance: {_with_span(others)}.")
    unsure = [row for row in rows if row["ci95"] is None and row["arm"] in without_motion]
    if unsure:
        means = listed([f"{quoted(row['title'])} ({number(row['mean'])})" for row in unsure])
        sentences.append(f"{means}: one seed gives no interval to hold against chance ({reach}).")
    return [Finding("Chance", " ".join(sentences))] if sentences else []


def _with_span(rows: Sequence[Row]) -> str:
    return listed([f"{quoted(row['title'])} ({number(row['mean'])}; {span(row['ci95'])})" for row in rows])


def _paper(rows: Sequence[Row], told: Sequence[Row], caption: Mapping[str, Any]) -> list[Finding]:
    """Agreement with the order that the paper reports."""
    both = [row for row in rows if row["paper"] is not None]
    ours = next((row for row in both if row["arm"] == OURS), None)
    if len(both) < 3 or ours is None:
        return []
    signed = [row for row in told if row["paper"] is not None]
    opposed = [row for row in signed if (row["difference"] < 0) != (row["paper"] < ours["paper"])]
    sentences = []
    if signed:
        agreed = len(signed) - len(opposed)
        sentences.append(
            f"Of {counted(len(signed), 'arm')} told from Ours, {agreed} "
            f"{'differs' if agreed == 1 else 'differ'} in the direction that the paper reports"
            + (f"; {_titles(opposed)} not." if opposed else ".")
        )
    else:
        sentences.append("No arm is told from Ours, so no direction can be held against the paper's.")
    order = caption.get("order")
    if order is not None:
        sentences.append(
            f"Over {counted(order['arms'], 'arm')}, the order by mean agrees with the paper's by Kendall's "
            f"tau {number(order['tau'], '.2f')} (1 is the same order, 0 no relation, {number(-1, '.0f')} the reverse; "
            f"p {p_value(order['p'])})."
        )
    place, place_paper = _places(both, "mean"), _places(both, "paper")
    far = max(both, key=lambda row: abs(place[row["arm"]] - place_paper[row["arm"]]))
    if abs(place[far["arm"]] - place_paper[far["arm"]]) > 1:
        sentences.append(
            f"Farthest from its place: {far['title']}, number {place[far['arm']]} of {len(both)} by its mean here, "
            f"number {place_paper[far['arm']]} in the paper; neighbouring places may be noise."
        )
    if caption["origin"] == "procedural" or caption["preset"] != "paper":
        sentences.append(
            "Directions and order are compared, not heights: the paper's figures are of the recorded videos at full "
            f"size, these of {caption['dataset']} with origin={caption['origin']} at preset {caption['preset']}."
        )
    return [Finding("Against the paper", " ".join(sentences))]


def _second(rows: Sequence[Row]) -> list[Finding]:
    """Whether the order of arms hangs on the one classifier."""
    both = [row for row in rows if row.get("second_mean") is not None]
    if len(both) < 3:
        return []
    order = rank_agreement({row["arm"]: row["mean"] for row in both}, {row["arm"]: row["second_mean"] for row in both})
    if order is None:
        return []
    far = max(both, key=lambda row: abs(row["mean"] - row["second_mean"]))
    text = (
        f"A classifier trained from another seed puts the {order.arms} arms in an order that agrees with the first "
        f"one's by Kendall's tau {number(order.tau, '.2f')}. The two differ most on {far['title']}: "
        f"{number(far['mean'])} and {number(far['second_mean'])}."
    )
    return [Finding("Another judge", text)]


def _places(rows: Sequence[Row], key: str) -> dict[str, int]:
    """{arm: 1 + how many are strictly larger}."""
    return {row["arm"]: 1 + sum(other[key] > row[key] for other in rows) for row in rows}
