"""Notes below Table 4: how its intervals and p values were computed, and what they leave open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from analysis.record.states import OURS
from analysis.scores.estimates import POINTS
from analysis.scores.study_scores import StudyScores
from analysis.statistics.levels import ALPHA, INTERVAL
from analysis.tables.layout.cells import number, p_text, plural, span

Row = Mapping[str, Any]


def ablation_notes(scores: StudyScores, rows: Sequence[Row], caption: Mapping[str, Any]) -> list[str]:
    """Returns the notes, one or two sentences each."""
    titles = {row["arm"]: row["title"] for row in rows}
    return [
        interval_note(scores),
        *_tests(rows, caption),
        *grown_note(caption["grown"]),
        *not_significant_note(rows, caption),
        *_unpaired(rows),
        *(control_note(row) for row in rows if row["control"] and row["p"] is not None),
        *order_note(caption["order"]),
        *_validation(caption["validation"]),
        *(_interaction(row, titles) for row in rows if row["interaction"] is not None),
    ]


def paper_notes(notes: Sequence[str], spread: str) -> tuple[str, ...]:
    """Returns the notes of the paper style, which has no column of exact p values.

    Args:
        spread: what the column SD is taken over, see `spread_of`.
    """
    return (f"SD: standard deviation over {spread}.", *(note.partition(" The exact p")[0] for note in notes))


def interval_note(scores: StudyScores) -> str:
    """Returns what the intervals cover."""
    if max(len(arm.accuracies) for arm in scores.arms) < 2:
        return "With one seed there is no interval and no p value: the variation between seeds is unknown."
    if not scores.clipwise:
        return (
            "Intervals are Student's t over seeds, p values those of the paired t test. The record has no per-clip "
            "scores, so the variation between clips is not covered."
        )
    few = plural(len(scores.subjects), "subject") if scores.subjects else "unknown subjects"
    if scores.folds is None:
        return (
            f"Intervals hold for the subjects tested alone ({few}): they cover other seeds and other clips of these "
            "subjects, but not other subjects. Seeds and test clips are treated as crossed."
        )
    known = len(scores.folds.subjects) == len(set(scores.folds.fold.values()))
    return (
        f"Each run tests one fold of the subjects ({few} tested so far), with its own seed. "
        + (
            "Intervals cover other seeds, other clips and other subjects drawn like these."
            if known
            else "The subjects of the clips are unknown, so intervals cover other seeds and clips, but not subjects."
        )
        + " The SD is that of the runs, which differ in seed and in subjects."
    )


def grown_note(grown: Mapping[str, Any] | None) -> list[str]:
    """Returns a note on seeds that were added after results had been written; none if there were none."""
    if grown is None:
        return []
    *before, now = map(str, grown["seeds"])
    return [
        f"Seeds were added after results had been written (with {' and '.join(before)} of now {now} seeds), and the "
        "p values do not account for it. If the earlier results decided whether to continue, a single test at "
        f"{ALPHA} calls equal models different in {100 * grown['error']:.0f}% of studies instead of "
        f"{100 * ALPHA:.0f}%; testing at {grown['level']:.3f} each time restores {100 * ALPHA:.0f}% "
        "(simulated t tests; Pocock 1977)."
    ]


def _tests(rows: Sequence[Row], caption: Mapping[str, Any]) -> list[str]:
    compared = int(caption["compared"])
    if not compared:
        return []
    floor, pairs = float(caption["smallest_p"]), paired_seeds(row for row in rows if row["p_holm"] is not None)
    note = f"p values are Holm-corrected over {plural(compared, 'arm')}. The exact p is that of the sign-flip test, "
    note += f"not corrected: with {pairs} it cannot be below {floor:.3g}"
    if floor * compared > ALPHA:
        note += f", so it could not reject anything after correction over {plural(compared, 'arm')}"
    return [f"{note}."]


def not_significant_note(
    rows: Sequence[Row], caption: Mapping[str, Any], entry: str = "arm", ours: str = "Ours"
) -> list[str]:
    """Returns a note on the smallest detectable difference of what is not significant; none if all differ.

    Args:
        entry: what is corrected for, such as "arm".
        ours: what the rows are compared with, see `ours_word`.
    """
    unclear = [row for row in rows if row["p_holm"] is not None and row["p_holm"] > ALPHA]
    if not unclear:
        return []
    text = f"Not significantly different from {ours} with {paired_seeds(unclear)}, which does not show equality"
    if any(row["detectable"] is not None for row in unclear):
        left = plural(int(caption["compared"]) - int(caption["rejected"]), entry)
        text += (
            " (in brackets: the smallest true difference detected with 80% power at the level that Holm's correction "
            f"leaves for {left}, and its {INTERVAL}, since few seeds estimate the variance poorly)"
        )
    return [f"{text}: {'; '.join(map(_detectable_item, unclear))}."]


def _detectable_item(row: Row) -> str:
    size, interval = row["detectable"], row["detectable_ci95"]
    if size is None:
        return str(row["title"])
    shown = "none up to 100 points" if size >= POINTS[1] else f"{size:.1f} points"
    low, high = (f"{end:.1f}" if end < POINTS[1] else "more than 100" for end in interval)
    ends = f"; {low} to {high}" if interval[0] < POINTS[1] else ""
    return f"{row['title']} ({shown}{ends})"


def _unpaired(rows: Sequence[Row]) -> list[str]:
    fewer = [row for row in rows if row["n_pairs"] != row["n_seeds"] and row["arm"] != OURS and not row["control"]]
    if not fewer:
        return []
    counts = "; ".join(f"{row['title']} {row['n_pairs']} of {row['n_seeds']}" for row in fewer)
    return [f"Differences use only the seeds that Ours has completed as well: {counts}."]


def control_note(row: Row) -> str:
    """Returns how Ours with other seeds was compared."""
    return (
        f"{row['title']} is a control and not part of the correction: it differs from Ours by chance alone. Welch's "
        f"test, unpaired over {plural(row['n_seeds'], 'seed')}: {number(row['difference'], '+.1f')} points ({INTERVAL} "
        f"{span(row['difference_ci95'], '+.1f')}, {p_text(row['p'])})."
        + (" It is significant: check the study before trusting its other differences." if row["p"] <= ALPHA else "")
    )


def order_note(order: Mapping[str, Any] | None, entry: str = "arm") -> list[str]:
    """Returns a note on the agreement with the paper's order; none if there is no such order."""
    if order is None:
        return []
    sure = order["ci95"]
    over = (
        f"{INTERVAL} {span(sure, '.2f')}, bootstrap over these seeds, rough if they are few; "
        if sure is not None
        else ""
    )
    return [
        f"Rank agreement with the paper over {order['arms']} {entry}s and the {plural(order['n_seeds'], 'seed')} that "
        f"all of them have completed: Kendall's tau {order['tau']:.2f} ({over}{p_text(order['p'])} for the null "
        "hypothesis of no association)."
    ]


def _validation(found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return []
    text = (
        f"Validation minus test accuracy over {plural(found['runs'], 'run')}: {found['mean']:+.1f} points on average "
        f"(SD {found['sd']:.1f})"
    )
    if found["correlation"] is not None:
        text += (
            f"; correlation of the two among runs of the same arm {found['correlation']:.2f} ({INTERVAL} "
            f"{span(found['correlation_ci95'], '.2f')})"
        )
    return [f"{text}."]


def _interaction(row: Row, titles: Mapping[str, str]) -> str:
    found = row["interaction"]
    return (
        f"{row['title']}: differs from the sum of the effects of {' and '.join(titles[arm] for arm in found['of'])} by "
        f"{found['mean']:+.1f} points ({INTERVAL} {span(found['ci95'])}, {p_text(found['p'])}, not corrected)."
    )


def paired_seeds(rows: Iterable[Row]) -> str:
    """Returns, for example, "3 paired seeds" or "2 to 3 paired seeds"."""
    counts = sorted({int(row["n_pairs"]) for row in rows})
    most = plural(counts[-1], "paired seed")
    return most if len(counts) == 1 else f"{counts[0]} to {most}"
