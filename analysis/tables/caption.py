"""Where a table comes from and what it cannot show: facts for JSON, a sentence and notes for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from analysis.record.rows import StudyRow
from analysis.tables.cells import plural
from analysis.tables.study_scores import StudyScores, correct

SHORT = 12  # digits of a fingerprint that are shown


def facts(scores: StudyScores) -> dict[str, Any]:
    """The caption's content; accuracies in percent."""
    row, seeds = scores.row, int(scores.row.settings["seeds"])
    real, still = scores.real_accuracy, scores.still_accuracy
    real_second = None
    if scores.real is not None and scores.real.predicted_second:
        real_second = 100 * float(correct(scores.real, second=True).mean())
    return {
        **origin(row),
        "seeds": seeds,
        "clips": int(row.dataset["split"]["test"]),
        "chance": 100 * scores.chance,
        "guessing": [100 * share for share in scores.guessing],
        "real_accuracy": 100 * real,
        "real_second_accuracy": real_second,
        "first_frame_accuracy": None if still is None else 100 * still,
        "runs": scores.finished,
        "runs_planned": scores.planned,
        "failed": [{"key": run.key, "reason": run.reason} for run in scores.failed],
        "smallest_p": 2 / 2**seeds,
        "statistics": "seeds and clips crossed" if scores.clipwise else "Student's t over seeds",
        "unscored": scores.unscored,
    }


def origin(row: StudyRow) -> dict[str, Any]:
    """What every table says of its study: which, on what data, at what size; None for what the record does not say."""
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
    """Of the command that worked on the study last: what was scored and reported is of these."""
    return {str(name): str(version) for name, version in row.settings.get("versions_last", row.versions).items()}


def caption(scores: StudyScores, what: str = "accuracy in % of the motion classifier on generated clips") -> str:
    """The caption in words: `what` is shown, and where it comes from."""
    return sentence(facts(scores), what)


def sentence(caption: Mapping[str, Any], what: str) -> str:
    """`caption` in words."""
    text = (
        f"{caption['study']}: {what}; {caption['dataset']}, origin={caption['origin']}, "
        f"split by {caption['split']['rule']}, preset {caption['preset']}, {plural(caption['seeds'], 'seed')}, "
        f"{plural(caption['clips'], 'test clip')}; data {caption['fingerprint'][:SHORT]}; "
        f"chance {caption['chance']:.1f}"
    )
    if caption["first_frame_accuracy"] is not None:
        text += f", first frame repeated {caption['first_frame_accuracy']:.1f}"
    text += f", real clips {caption['real_accuracy']:.1f}."
    if caption["runs"] < caption["runs_planned"]:
        text += f" NOT FINISHED: {caption['runs']} of {caption['runs_planned']} runs."
    if caption["unscored"]:
        text += f" {unscored(caption)}"
    return text + failures(caption)


def unscored(caption: Mapping[str, Any]) -> str:
    """A sentence on the complete runs that are left out because they were not scored as the others were."""
    left, runs = caption["unscored"], caption["runs"]
    return (
        f"{left} of {plural(runs, 'run')} {'is' if left == 1 else 'are'} not scored in the same way as the others and "
        "left out: run the same command again."
    )


def failures(caption: Mapping[str, Any]) -> str:
    """A sentence on the runs that were given up; empty if there are none."""
    if not caption["failed"]:
        return ""
    reasons = Counter(run["reason"] or "no reason known" for run in caption["failed"])
    keys = ", ".join(run["key"] for run in caption["failed"])
    said = "; ".join(f"{reason} ({times})" if times > 1 else reason for reason, times in reasons.items())
    return f" FAILED, not counted: {keys}: {said}."
