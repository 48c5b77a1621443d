"""Table 4: one row per arm with its accuracy, the paper's value, and its paired difference to Ours, in percent.

The mean, 95% interval and p of each row come from `analysis.scores.estimates.estimate_mean`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
    run_spread,
    second_accuracies,
)
from analysis.scores.learning_speed import learning_speed, target_accuracy
from analysis.scores.study_scores import ArmScores, StudyScores
from analysis.scores.validation import validation_agreement
from analysis.statistics.effect_sizes import cohens_h, hedges_g
from analysis.statistics.holm import holm
from analysis.statistics.levels import ALPHA, CONFIDENCE, INTERVAL
from analysis.statistics.rank_agreement import rank_agreement, tau_interval
from analysis.statistics.welch import welch
from analysis.tables.layout.caption import facts, sentence, spread_of
from analysis.tables.layout.cells import compared_cells, number, p_cell, span
from analysis.tables.layout.formats import Table
from analysis.tables.layout.text_table import TextTable
from analysis.tables.table4_notes import ablation_notes, paper_notes

Tested = tuple[dict[str, Any], MeanEstimate]
"""A row whose difference to Ours is tested, and the estimate of that difference."""

WHAT = "motion classifier accuracy (%) on clips generated for the test split"


def ablation_content(scores: StudyScores) -> dict[str, Any]:
    """Returns the content of `table4.json`.

    A difference uses the `n_pairs` seeds that both arms have completed, clip by clip. `p_holm` is corrected over the
    arms compared. Ours with other seeds (`control`) is compared by Welch's test over all its seeds, outside of the
    correction. An arm that combines two others also has their `interaction`: combined - first - second + Ours.
    """
    rows, tested = compared_rows(scores)
    caption = facts(scores) | correct_for_family(tested)
    caption["order"] = paper_order(rows)
    caption["validation"] = validation_agreement(scores)
    caption["target"] = target_accuracy(scores)
    caption["notes"] = ablation_notes(scores, rows, caption)
    return {"caption": caption, "rows": rows}


def compared_rows(scores: StudyScores) -> tuple[list[dict[str, Any]], list[Tested]]:
    """Returns a row per arm, and those rows that belong to the family of Holm's correction with their estimates."""
    values = {arm.slug: accuracies(scores, arm) for arm in scores.arms}
    target = target_accuracy(scores)
    ours = values.get(OURS, {})
    rows, tested = [], []
    for arm in scores.arms:
        compared, apart = _compared(scores, arm, values[arm.slug], ours)
        row = _row(scores, arm, values, compared, target)
        rows.append(row)
        if apart is not None and apart.p is not None:
            tested.append((row, apart))
    paper = {row["arm"]: row["paper"] for row in rows}
    for row in rows:
        row["paper_agrees"] = _agrees(row, paper.get(OURS))
    return rows, tested


def ablation_text(content: Mapping[str, Any]) -> TextTable:
    """Returns the table as text, from its content."""
    caption, rows = content["caption"], content["rows"]
    head = (
        "arm",
        "paper",
        f"mean ± SD of {spread_of(caption)}, %",
        INTERVAL,
        "seeds",
        "minus Ours",
        INTERVAL,
        "p (Holm)",
        "exact p",
        "second classifier",
        "validation",
    )
    return TextTable(
        caption=sentence(caption, WHAT),
        head=head,
        rows=tuple(_cells(row) for row in rows),
        references=tuple(
            (title, "-", number(caption[name]), *("-" for _ in head[3:]))
            for title, name in _REFERENCES
            if caption[name] is not None
        ),
        notes=tuple(caption["notes"]),
    )


def _paper_text(content: Mapping[str, Any]) -> TextTable:
    """The table as an author prints it: without what serves to check it."""
    caption, rows = content["caption"], content["rows"]
    head = (
        "model",
        "paper",
        "accuracy",
        "SD",
        f"{CONFIDENCE:.0%} CI",
        "minus Ours",
        f"{CONFIDENCE:.0%} CI",
        "p (Holm)",
    )
    return TextTable(
        caption=sentence(caption, WHAT),
        head=head,
        rows=tuple(
            (
                row["title"],
                number(row["paper"], ".2f"),
                number(row["mean"]),
                number(row["sd_seeds"]),
                span(row["ci95"]),
                number(row["difference"], "+.1f"),
                span(row["difference_ci95"], "+.1f"),
                p_cell(row["p_holm"]),
            )
            for row in rows
        ),
        references=tuple(
            (title, "-", number(caption[name]), *("-" for _ in head[3:]))
            for title, name in _REFERENCES
            if caption[name] is not None
        ),
        notes=paper_notes(caption["notes"], spread_of(caption)),
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
    return Table(str(scores.row.kind), content, ablation_text(content), records, paper=_paper_text(content))


_REFERENCES = (
    ("chance", "chance"),
    ("first frame", "first_frame_accuracy"),
    ("real clips", "real_accuracy"),
)


def _row(
    scores: StudyScores,
    arm: ArmScores,
    values: Mapping[str, Mapping[int, Clips]],
    compared: Mapping[str, Any],
    target: float | None,
) -> dict[str, Any]:
    mine = values[arm.slug]
    level = estimate_mean(mine, 100, PERCENT, folds=scores.folds)
    second = estimate_mean(second_accuracies(scores, arm), 100, PERCENT, folds=scores.folds)
    means = {seed: 100 * float(one.mean()) for seed, one in sorted(mine.items())}
    row: dict[str, Any] = {"arm": arm.slug, "title": arm.title, "paper": arm.paper, "control": arm.is_control}
    row |= {
        "mean": None if level is None else level.mean,
        "sd_seeds": float(np.std([*means.values()], ddof=1)) if len(means) > 1 else None,
        "ci95": None if level is None else as_list(level.interval),
        "n_seeds": len(mine),
        "clips": scores.clips,
    }
    row |= compared
    row["second_mean"] = None if second is None else second.mean
    row["validation_mean"] = 100 * float(np.mean([*arm.validations.values()])) if arm.validations else None
    row["steps_to_target"] = learning_speed(arm, target)
    row["seconds"] = float(np.mean([run.cost for run in arm.complete])) if arm.complete else None
    row["interaction"] = _interaction(scores, arm, values)
    row["values"] = {str(seed): mean for seed, mean in means.items()}
    row["validation_values"] = {str(seed): 100 * value for seed, value in sorted(arm.validations.items())}
    return row


_COMPARED = (
    "difference", "difference_ci95", "p", "p_holm", "p_exact", "p_floor", "cohens_h", "hedges_g", "sd_differences",
    "detectable", "detectable_ci95",
)  # fmt: skip


def _compared(
    scores: StudyScores, arm: ArmScores, mine: Mapping[int, Clips], ours: Mapping[int, Clips]
) -> tuple[dict[str, Any], MeanEstimate | None]:
    """An arm's difference to Ours, and its estimate if it belongs to the family of Holm's correction."""
    if arm.slug == OURS:
        return {"n_pairs": 0, **dict.fromkeys(_COMPARED)}, None
    if arm.is_control:
        return {"n_pairs": 0, **dict.fromkeys(_COMPARED), **control_difference(scores, mine, ours)}, None
    paired = difference(mine, ours)
    row: dict[str, Any] = {"n_pairs": len(paired), **dict.fromkeys(_COMPARED)}
    found = estimate_mean(paired, 100, POINTS, folds=scores.folds, exact=True)
    if found is None:
        return row, None
    row |= {"difference": found.mean, "difference_ci95": as_list(found.interval), "p": found.p}
    row |= {"p_exact": found.p_exact, "p_floor": None if found.p_exact is None else 2 / 2**found.seeds}
    first, second = (float(np.mean([values[seed].mean() for seed in paired])) for values in (mine, ours))
    row["cohens_h"] = cohens_h(first, second)
    if found.seeds > 1:
        means = [float(one.mean()) for one in paired.values()]
        g = hedges_g(means)
        row["hedges_g"] = g if math.isfinite(g) else None
        row["sd_differences"] = 100 * float(np.std(means, ddof=1))
    return row, found


def control_difference(scores: StudyScores, mine: Mapping[int, Clips], ours: Mapping[int, Clips]) -> dict[str, Any]:
    """Returns Ours with other seeds minus Ours, by Welch's test: nothing pairs their seeds.

    Empty if either has fewer than two runs.
    """
    estimates = [run_spread(values, scores.folds) for values in (mine, ours)]
    if estimates[0] is None or estimates[1] is None:
        return {}
    found = welch(estimates[0], estimates[1], scale=100)
    return {"difference": found.difference, "difference_ci95": as_list(found.interval), "p": found.p}


def correct_for_family(tested: Sequence[Tested]) -> dict[str, Any]:
    """Adds Holm's p, and what each arm's test could detect at the level that it was held to; returns counts.

    Holm tests the smallest p first. An arm that is rejected as number k was held to alpha / (n - k + 1), all that are
    not rejected to the level of the first of them.
    """
    corrected = holm([row["p"] for row, _ in tested])
    rejected = sum(p <= ALPHA for p in corrected)
    order = sorted(range(len(tested)), key=lambda place: tested[place][0]["p"])
    for rank, place in enumerate(order):
        row, apart = tested[place]
        row["p_holm"] = corrected[place]
        found = apart.detectable(len(tested) - min(rank, rejected))
        row["detectable"] = None if found is None else found.size
        row["detectable_ci95"] = None if found is None else as_list(found.interval)
    pairs = max((row["n_pairs"] for row, _ in tested), default=0)
    return {
        "compared": len(tested),
        "rejected": rejected,
        "smallest_p": 2 / 2**pairs if pairs else None,  # of the exact test with that many pairs
    }


def paper_order(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Returns agreement with the paper's order and its interval, over the seeds that all its arms have completed."""
    known = [row for row in rows if row["paper"] is not None and row["mean"] is not None]
    common = sorted(set.intersection(*(set(row["values"]) for row in known)), key=int) if known else []
    if not common:
        return None
    table = np.array([[row["values"][seed] for row in known] for seed in common])
    means = np.round(table.mean(axis=0), 12).tolist()  # equal means are ties, as in the interval
    ours = {row["arm"]: mean for row, mean in zip(known, means, strict=True)}
    found = rank_agreement({row["arm"]: row["paper"] for row in known}, ours)
    if found is None:
        return None
    return {
        **asdict(found),
        "ci95": as_list(tau_interval([row["paper"] for row in known], table)),
        "n_seeds": len(common),
    }


def _agrees(row: Mapping[str, Any], ours: float | None) -> bool | None:
    """Whether the difference to Ours has the sign of the paper's; None if either is unknown or ours is 0."""
    if not row["difference"] or row["paper"] is None or ours is None:
        return None
    return bool(np.sign(row["difference"]) == np.sign(row["paper"] - ours))


def _interaction(
    scores: StudyScores, arm: ArmScores, values: Mapping[str, Mapping[int, Clips]]
) -> dict[str, Any] | None:
    """Interaction of two removed parts: the effect of removing both minus the sum of the single effects."""
    if len(arm.of) != 2 or any(slug not in values for slug in arm.of):
        return None
    first, second = (values[slug] for slug in arm.of)
    apart, alone = difference(values[arm.slug], first), difference(second, values.get(OURS, {}))
    found = estimate_mean(difference(apart, alone), 100, folds=scores.folds)
    if found is None:
        return None
    return {
        "of": list(arm.of),
        "mean": found.mean,
        "ci95": as_list(found.interval),
        "p": found.p,
        "n_seeds": found.seeds,
    }


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        row["title"],
        *compared_cells(row),
        p_cell(row["p_exact"]),
        number(row["second_mean"]),
        number(row["validation_mean"]),
    )
