"""Table 4: one row per arm with its accuracy, the paper's value, and its paired difference to Ours, in percent.

The mean, 95% interval and p of each row come from `analysis.scores.estimates.estimate_mean`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from analysis.record.states import OURS
from analysis.scores.estimates import (
    PERCENT,
    POINTS,
    Clips,
    MeanEstimate,
    accuracies,
    as_list,
    difference,
    estimate_mean,
    second_accuracies,
)
from analysis.scores.learning_speed import learning_speed, target_accuracy
from analysis.scores.study_scores import ArmScores, StudyScores
from analysis.statistics.effect_sizes import cohens_h, hedges_g
from analysis.statistics.holm import holm
from analysis.statistics.levels import ALPHA, INTERVAL
from analysis.statistics.rank_agreement import rank_agreement
from analysis.tables.layout.caption import facts, sentence
from analysis.tables.layout.cells import number, p_cell, p_text, plural, span
from analysis.tables.layout.formats import Table
from analysis.tables.layout.text_table import TextTable


def ablation_content(scores: StudyScores) -> dict[str, Any]:
    """Returns the content of `table4.json`.

    A difference uses the `n_pairs` seeds that both arms have completed, clip by clip. `p_holm` is corrected over the
    arms compared. An arm that combines two others also has their `interaction`: combined - first - second + Ours.
    """
    values = {arm.slug: accuracies(scores, arm) for arm in scores.arms}
    target = target_accuracy(scores)
    ours = values.get(OURS, {})
    found = [_difference(values[arm.slug], ours if arm.slug != OURS else {}) for arm in scores.arms]
    rows = [_row(scores, arm, values, row, target) for arm, (row, _) in zip(scores.arms, found, strict=True)]
    tested = [(row, apart) for row, (_, apart) in zip(rows, found, strict=True) if apart and apart.p is not None]
    for (row, apart), p in zip(tested, holm([row["p"] for row, _ in tested]), strict=True):
        row["p_holm"], row["detectable"] = p, apart.detectable(len(tested))
    paper = {row["arm"]: row["paper"] for row in rows}
    for row in rows:
        row["paper_agrees"] = _agrees(row, paper.get(OURS))
    caption = facts(scores)
    caption["compared"] = len(tested)
    pairs = max((row["n_pairs"] for row, _ in tested), default=0)
    caption["smallest_p"] = 2 / 2**pairs if pairs else None  # of the exact test with that many pairs
    order = rank_agreement(paper, {row["arm"]: row["mean"] for row in rows})
    caption["order"] = None if order is None else asdict(order)
    caption["target"] = target
    caption["notes"] = _notes(scores, rows, caption)
    return {"caption": caption, "rows": rows}


def ablation_text(content: Mapping[str, Any]) -> TextTable:
    """Returns the table as text, from its content."""
    caption, rows = content["caption"], content["rows"]
    what = "motion classifier accuracy (%) on clips generated for the test split"
    return TextTable(
        caption=sentence(caption, what),
        head=_HEAD,
        rows=tuple(_cells(row) for row in rows),
        references=tuple(
            (title, "-", number(caption[name]), *("-" for _ in _HEAD[3:]))
            for title, name in _REFERENCES
            if caption[name] is not None
        ),
        notes=tuple(caption["notes"]),
    )


def ablation_table(scores: StudyScores) -> Table:
    """Returns the table in all its forms."""
    content = ablation_content(scores)
    shared = ("study", "dataset", "origin", "preset", "fingerprint", "clips")
    same = {name if name != "clips" else "test_clips": content["caption"][name] for name in shared}
    same["split_rule"] = content["caption"]["split"]["rule"]
    records = [{"kind": "arm", **row, **same} for row in content["rows"]]
    records += [
        {"kind": "reference", "arm": name, "title": title, "mean": content["caption"][name], **same}
        for title, name in _REFERENCES
        if content["caption"][name] is not None
    ]
    return Table(str(scores.row.kind), content, ablation_text(content), records)


_REFERENCES = (
    ("chance", "chance"),
    ("first frame", "first_frame_accuracy"),
    ("real clips", "real_accuracy"),
)

_HEAD = (
    "arm",
    "paper",
    "mean, %",
    INTERVAL,
    "seeds",
    "minus Ours",
    INTERVAL,
    "p (Holm)",
    "exact p",
    "second classifier",
)


def _row(
    scores: StudyScores,
    arm: ArmScores,
    values: Mapping[str, Mapping[int, Clips]],
    compared: Mapping[str, Any],
    target: float | None,
) -> dict[str, Any]:
    mine = values[arm.slug]
    level = estimate_mean(mine, 100, PERCENT)
    second = estimate_mean(second_accuracies(scores, arm), 100, PERCENT)
    row: dict[str, Any] = {"arm": arm.slug, "title": arm.title, "paper": arm.paper}
    row |= {
        "mean": None if level is None else level.mean,
        "ci95": None if level is None else as_list(level.interval),
        "n_seeds": len(mine),
        "clips": int(scores.row.dataset["split"]["test"]),
    }
    row |= compared
    row["second_mean"] = None if second is None else second.mean
    row["steps_to_target"] = learning_speed(arm, target)
    row["seconds"] = float(np.mean([run.cost for run in arm.complete])) if arm.complete else None
    row["interaction"] = _interaction(arm, values)
    row["values"] = {str(seed): 100 * float(one.mean()) for seed, one in sorted(mine.items())}
    return row


def _difference(mine: Mapping[int, Clips], ours: Mapping[int, Clips]) -> tuple[dict[str, Any], MeanEstimate | None]:
    names = ("difference", "difference_ci95", "p", "p_holm", "p_exact", "p_floor", "cohens_h", "hedges_g", "detectable")
    paired = difference(mine, ours)
    row: dict[str, Any] = {"n_pairs": len(paired), **dict.fromkeys(names)}
    found = estimate_mean(paired, 100, POINTS, exact=True)
    if found is None:
        return row, None
    row |= {"difference": found.mean, "difference_ci95": as_list(found.interval), "p": found.p}
    row |= {"p_exact": found.p_exact, "p_floor": None if found.p_exact is None else 2 / 2**found.seeds}
    first, second = (float(np.mean([values[seed].mean() for seed in paired])) for values in (mine, ours))
    row["cohens_h"] = cohens_h(first, second)
    if found.seeds > 1:
        g = hedges_g([float(one.mean()) for one in paired.values()])
        row["hedges_g"] = g if math.isfinite(g) else None
    return row, found


def _agrees(row: Mapping[str, Any], ours: float | None) -> bool | None:
    """Whether the difference to Ours has the sign of the paper's; None if either is unknown or ours is 0."""
    if not row["difference"] or row["paper"] is None or ours is None:
        return None
    return bool(np.sign(row["difference"]) == np.sign(row["paper"] - ours))


def _interaction(arm: ArmScores, values: Mapping[str, Mapping[int, Clips]]) -> dict[str, Any] | None:
    """Interaction of two removed parts: the effect of removing both minus the sum of the single effects."""
    if len(arm.of) != 2 or any(slug not in values for slug in arm.of):
        return None
    first, second = (values[slug] for slug in arm.of)
    apart, alone = difference(values[arm.slug], first), difference(second, values.get(OURS, {}))
    found = estimate_mean(difference(apart, alone), 100)
    if found is None:
        return None
    return {
        "of": list(arm.of),
        "mean": found.mean,
        "ci95": as_list(found.interval),
        "p": found.p,
        "n_seeds": found.seeds,
    }


def _notes(scores: StudyScores, rows: Sequence[Mapping[str, Any]], caption: Mapping[str, Any]) -> list[str]:
    compared = int(caption["compared"])
    notes = [_interval_note(scores)]
    if compared:
        floor, pairs = float(caption["smallest_p"]), _paired_seeds(row for row in rows if row["p"] is not None)
        note = (
            f"p values are Holm-corrected over {plural(compared, 'arm')}. The exact p is that of the sign-flip test, "
        )
        note += f"not corrected: with {pairs} it cannot be below {floor:.3g}"
        if floor * compared > ALPHA:
            note += f", so it could not reject anything after correction over {plural(compared, 'arm')}"
        notes.append(f"{note}.")
    unclear = [row for row in rows if row["p_holm"] is not None and row["p_holm"] > ALPHA]
    if unclear:
        text = f"Not significantly different from Ours with {_paired_seeds(unclear)}, which does not show equality"
        if any(row["detectable"] is not None for row in unclear):
            text += " (in brackets: true differences that more than one in five such studies would miss, corrected)"
        notes.append(f"{text}: {'; '.join(map(_detectable_item, unclear))}.")
    fewer = [row for row in rows if row["n_pairs"] != row["n_seeds"] and row["arm"] != OURS]
    if fewer:
        counts = "; ".join(f"{row['title']} {row['n_pairs']} of {row['n_seeds']}" for row in fewer)
        notes.append(f"Differences use only the seeds that Ours has completed as well: {counts}.")
    order = caption["order"]
    if order is not None:
        notes.append(
            f"Rank agreement with the paper over {order['arms']} arms: Kendall's tau {order['tau']:.2f} "
            f"({p_text(order['p'])})."
        )
    titles = {row["arm"]: row["title"] for row in rows}
    notes += [
        f"{row['title']}: differs from the sum of the effects of "
        f"{' and '.join(titles[arm] for arm in row['interaction']['of'])} by {row['interaction']['mean']:+.1f} points "
        f"({INTERVAL} {span(row['interaction']['ci95'])}, {p_text(row['interaction']['p'])}, not corrected)."
        for row in rows
        if row["interaction"] is not None
    ]
    return notes


def _paired_seeds(rows: Iterable[Mapping[str, Any]]) -> str:
    """Such as "3 paired seeds" and "2 to 3 paired seeds"."""
    counts = sorted({int(row["n_pairs"]) for row in rows})
    most = plural(counts[-1], "paired seed")
    return most if len(counts) == 1 else f"{counts[0]} to {most}"


def _detectable_item(row: Mapping[str, Any]) -> str:
    if row["detectable"] is None:
        return str(row["title"])
    return f"{row['title']} " + (
        f"(below {row['detectable']:.1f} points)" if row["detectable"] < PERCENT[1] else "(of any size)"
    )


def _interval_note(scores: StudyScores) -> str:
    if max(len(arm.accuracies) for arm in scores.arms) < 2:
        return "With one seed there is no interval and no p value: the variation between seeds is unknown."
    if scores.clipwise:
        return (
            "Intervals treat seeds and test clips as crossed: they cover other seeds and other clips of these "
            "subjects, but not other subjects."
        )
    return (
        "Intervals are Student's t over seeds, p values those of the paired t test. The record has no scores of single "
        "clips, so the variation between clips is not covered."
    )


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        row["title"],
        number(row["paper"], ".2f"),
        number(row["mean"]),
        span(row["ci95"]),
        str(row["n_seeds"]),
        number(row["difference"], "+.1f"),
        span(row["difference_ci95"]),
        p_cell(row["p_holm"]),
        p_cell(row["p_exact"]),
        number(row["second_mean"]),
    )
