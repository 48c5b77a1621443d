"""Captions: the data, preset, seeds and clips that a table is made from, as JSON values and as a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from analysis.record.rows import StudyRow
from analysis.scores.estimates import CROSSED, IN_FOLDS, OVER_SEEDS
from analysis.scores.growth import growth
from analysis.scores.study_scores import StudyScores, correct
from analysis.tables.layout.cells import plural

SHORT = 12  # digits of the fingerprint in a caption


def facts(scores: StudyScores) -> dict[str, Any]:
    """Returns the caption of a table of an ablation study as JSON values; accuracies in percent."""
    row, seeds = scores.row, int(scores.row.settings["seeds"])
    real, still = scores.real_accuracy, scores.still_accuracy
    real_second = None
    if scores.real is not None and scores.real.predicted_second:
        real_second = 100 * float(correct(scores.real, second=True).mean())
    return {
        **origin(row),
        "seeds": seeds,
        "clips": scores.clips,
        "chance": 100 * scores.chance,
        "guessing": [100 * share for share in scores.guessing],
        "real_accuracy": 100 * real,
        "real_second_accuracy": real_second,
        "first_frame_accuracy": None if still is None else 100 * still,
        "runs": scores.finished,
        "runs_planned": scores.planned,
        "failed": [{"key": run.key, "reason": run.reason} for run in scores.failed],
        "smallest_p": 2 / 2**seeds,
        "statistics": _statistics(scores),
        "folds": len(set(scores.folds.fold.values())) if scores.folds is not None else 0,
        "subjects": len(scores.subjects),
        "grown": growth(row),
        "unscored": scores.unscored,
    }


def _statistics(scores: StudyScores) -> str:
    if not scores.clipwise:
        return OVER_SEEDS
    return CROSSED if scores.folds is None else IN_FOLDS


def origin(row: StudyRow) -> dict[str, Any]:
    """Returns the part of the caption that all tables share: study, data and preset; None for what is not recorded."""
    data = row.dataset
    return {
        "study": row.name,
        "dataset": data.get("name"),
        "origin": data.get("origin"),
        "fingerprint": data.get("fingerprint"),
        "preset": row.preset,
        "split": data.get("split"),
        "git": row.versions.get("git"),
        "git_last": versions_last(row).get("git"),
    }


def versions_last(row: StudyRow) -> Mapping[str, str]:
    """Returns the versions used by the last command that ran the study, which scored and reported it."""
    return {str(name): str(version) for name, version in row.settings.get("versions_last", row.versions).items()}


def sentence(caption: Mapping[str, Any], what: str) -> str:
    """Returns the caption as text: `what` is shown, and the facts of `caption`."""
    text = (
        f"{caption['study']}: {what}; {caption['dataset']}, origin={caption['origin']}, "
        f"split by {caption['split']['rule']}, preset {caption['preset']}, {plural(caption['seeds'], 'seed')}, "
        f"{plural(caption['clips'], 'test clip')}{_subjects(caption)}; data {caption['fingerprint'][:SHORT]}; "
        f"chance {caption['chance']:.1f}"
    )
    if caption["first_frame_accuracy"] is not None:
        text += f", first frame repeated {caption['first_frame_accuracy']:.1f}"
    if caption["real_accuracy"] is not None:
        text += f", real clips {caption['real_accuracy']:.1f}"
    text += "."
    if caption["runs"] < caption["runs_planned"]:
        text += f" NOT FINISHED: {caption['runs']} of {caption['runs_planned']} runs."
    if caption["unscored"]:
        text += f" {unscored(caption)}"
    return text + failures(caption)


def spread_of(*captions: Mapping[str, Any]) -> str:
    """Returns what the standard deviation of a row is taken over: with folds, runs differ in test subjects, too."""
    return "runs" if any(caption["folds"] for caption in captions) else "seeds"


def _subjects(caption: Mapping[str, Any]) -> str:
    if caption["folds"]:
        return f" of {plural(caption['subjects'], 'subject')} in {plural(caption['folds'], 'fold')}"
    return f" of {plural(caption['subjects'], 'subject')}" if caption["subjects"] else ""


def unscored(caption: Mapping[str, Any]) -> str:
    """Returns a sentence on the complete runs that are excluded because they have no comparable scores."""
    left, runs = caption["unscored"], caption["runs"]
    return (
        f"{left} of {plural(runs, 'run')} {'is' if left == 1 else 'are'} excluded: not scored in the same way as the "
        "others. Rerun the study's command to score them."
    )


def failures(caption: Mapping[str, Any]) -> str:
    """Returns a sentence on the failed runs; empty if there are none."""
    if not caption["failed"]:
        return ""
    reasons = Counter(run["reason"] or "reason unknown" for run in caption["failed"])
    keys = ", ".join(run["key"] for run in caption["failed"])
    listed = "; ".join(f"{reason} ({times})" if times > 1 else reason for reason, times in reasons.items())
    return f" FAILED and excluded: {keys}: {listed}."
