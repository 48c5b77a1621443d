"""Notes below Table 3: what the methods are given, how they were tuned, and what intervals and p values leave open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.scores.study_scores import StudyScores
from analysis.statistics.levels import ALPHA
from analysis.tables.layout.cells import number, plural
from analysis.tables.table4_notes import (
    Row,
    grown_note,
    interval_note,
    not_significant_note,
    order_note,
    paired_seeds,
)


def methods_notes(studies: Sequence[StudyScores], rows: Sequence[Row], caption: Mapping[str, Any]) -> list[str]:
    """Returns the notes, one or two sentences each."""
    notes = list(dict.fromkeys(note for scores in studies for note in (*_given_notes(scores), _frames_note(scores))))
    notes += dict.fromkeys(note for scores in studies if scores.last_seen for note in last_seen_note(scores))
    notes += [note for scores in studies for note in _found_notes(scores)]
    notes += tuning_notes(caption["tuned"], caption, folds=any(one["folds"] for one in caption["datasets"]))
    intervals = [interval_note(scores) for scores in studies]
    if len(set(intervals)) == 1:
        notes += intervals[:1]
    else:
        notes += [f"{scores.row.dataset['name']}: {text}" for scores, text in zip(studies, intervals, strict=True)]
    notes += _tests(rows, caption)
    several = len(studies) > 1
    named = [{**row, "title": f"{row['title']} on {row['dataset']}"} if several else row for row in rows]
    notes += not_significant_note(named, caption, "comparison", "AMC-GAN")
    known = any(row["paper"] is not None for row in rows)
    if known and (caption["origin"] == "procedural" or caption["preset"] != "paper"):
        notes.append(
            "The paper's accuracies were measured on the recorded videos at full size; only their order can be "
            "compared with this table."
        )
    for one in caption["datasets"]:
        order = order_note(one["order"], "method")
        notes += [f"{one['dataset']}: {note}" for note in order] if several else order
    for one in caption["datasets"]:
        notes += grown_note(one["grown"])
    return notes


def tuned_methods(studies: Sequence[StudyScores]) -> dict[str, Any] | None:
    """Returns the number of trials of each method's search, and the methods' titles; None if no method was tuned."""
    trials = studies[0].row.settings.get("tune")
    titles = dict.fromkeys(arm.title for scores in studies for arm in scores.arms)
    return {"trials": trials, "methods": list(titles)} if trials else None


def tuning_statement(tuned: Mapping[str, Any] | None) -> str:
    """Returns how the methods were tuned, as a part of a sentence."""
    if tuned is None:
        return "no method tuned: each has the settings of its preset"
    return f"each method tuned by a search of {plural(tuned['trials'], 'trial')}: {', '.join(tuned['methods'])}"


def tuning_notes(tuned: Mapping[str, Any] | None, caption: Mapping[str, Any], *, folds: bool) -> list[str]:
    """Returns notes on what is not equal in the tuning, and on searches that saw test subjects of other folds.

    Args:
        caption: with the origin and the preset.
    """
    notes = []
    if caption["origin"] == "procedural" and caption["preset"] == "compact":
        notes.append(
            "At this preset AMC-GAN's learning rates, beta2 and decay were themselves chosen by a search of 12 trials "
            "on the built-in NATOPS data, and its L1 weight for MUG by runs on the built-in MUG data; the settings of "
            "the other methods were not."
        )
    if tuned is not None and folds:
        notes.append(
            "The searches used one split, so they trained and validated on subjects that some folds test: accuracies "
            "after tuning may be too high."
        )
    return notes


def last_seen_note(scores: StudyScores) -> list[str]:
    """Returns which methods see fewer frames than the reference "last seen frame repeated"; none if all see as many."""
    last = int(scores.row.config["model"]["discarded_frames"])
    fewer = [arm.title for arm in scores.arms if arm.frames_seen is not None and arm.frames_seen < last]
    if not fewer:
        return []
    return [
        f"Last seen frame repeated: frame {last}, the last that any method may see. Methods that see fewer frames: "
        f"{', '.join(fewer)}."
    ]


def _tests(rows: Sequence[Row], caption: Mapping[str, Any]) -> list[str]:
    compared, floor = int(caption["compared"]), caption["smallest_p"]
    if not compared:
        return []
    pairs = paired_seeds(row for row in rows if row["p_holm"] is not None)
    note = (
        f"p values are Holm-corrected over {plural(compared, 'comparison')} with AMC-GAN. The exact p is that of "
        f"the sign-flip test, not corrected: with {pairs} it cannot be below {floor:.3g}"
    )
    if floor * compared > ALPHA:
        note += ", so it could not reject anything after correction"
    return [f"{note}."]


def _given_notes(scores: StudyScores) -> list[str]:
    """Which methods are told what to show; none if the record does not say."""
    told = [arm.title for arm in scores.arms if arm.sees_motion]
    others = [arm.title for arm in scores.arms if arm.sees_motion is False]
    if not others:
        return []
    given = f"Given the class and keypoint velocities: {', '.join(told)}. " if told else ""
    return [f"{given}Given real frames alone: {', '.join(others)}."]


def _found_notes(scores: StudyScores) -> list[str]:
    """What each method's search found; none if no method was tuned."""
    found = [f"{arm.title} {_found(arm.tuned)}" for arm in scores.arms if arm.tuned is not None]
    if not found:
        return []
    return [
        f"Validation accuracy of the best trial of each search on {scores.row.dataset['name']}: {'; '.join(found)}."
    ]


def _found(tuned: Mapping[str, Any]) -> str:
    text = f"{number(100 * tuned['validation_accuracy'])}%"
    if tuned["is_base"]:
        text += " (the settings of the preset)"
    return text + (f" ({plural(tuned['failed'], 'trial')} failed)" if tuned["failed"] else "")


def _frames_note(scores: StudyScores) -> str:
    model = scores.row.config["model"]
    frames, hidden = model["frames"], model["discarded_frames"]
    return (
        f"A method that is given s real frames generates the other {frames} - s. All methods are scored on the same "
        f"clips by the same classifiers, on the last {frames - hidden} of {frames} frames, which are given to no "
        "method."
    )
