"""Other measures of each arm: image quality, feature distances, identity, diversity and motion energy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from amc.evaluation.score_sheet import ScoreSheet
from analysis.scores.estimates import Clips, MeanEstimate, as_list, estimate_mean
from analysis.scores.study_scores import ArmScores, StudyScores, correct, entry_word
from analysis.statistics.levels import INTERVAL
from analysis.tables.layout.caption import facts, sentence
from analysis.tables.layout.cells import number
from analysis.tables.layout.formats import Table
from analysis.tables.layout.text_table import TextTable

HIGHER, LOWER, REAL_BEST = "higher", "lower", "as real clips"


@dataclass(frozen=True)
class Metric:
    """A column of the table.

    Attributes:
        key: name in the score sheet; one value per clip, or one for all clips.
        better: `HIGHER`, `LOWER` or `REAL_BEST` (the value of real clips is the reference).
        scale: factor of the sheet's values.
        digits: decimals shown.
        bounds: range of a mean, after scaling.
        given: whether it covers all frames after the first, of which some methods are given more than others.
    """

    key: str
    title: str
    better: str
    scale: float = 1.0
    digits: int = 1
    bounds: tuple[float, float] = (0.0, math.inf)
    given: bool = False

    @property
    def head(self) -> str:
        """The title with an arrow for the better direction."""
        return self.title + {HIGHER: " ↑", LOWER: " ↓", REAL_BEST: ""}[self.better]


METRICS: tuple[Metric, ...] = (
    Metric("second", "second classifier, %", HIGHER, 100.0, 1, (0.0, 100.0)),
    Metric("identity", "identity kept, %", HIGHER, 100.0, 1, (0.0, 100.0)),
    Metric("psnr", "PSNR, dB", HIGHER, 1.0, 2, (-math.inf, math.inf), given=True),
    Metric("ssim", "SSIM", HIGHER, 1.0, 3, (-1.0, 1.0), given=True),
    Metric("lpips", "LPIPS", LOWER, 1.0, 3, given=True),
    Metric("frechet_distance", "Fréchet distance of features", LOWER, 1.0, 2),
    Metric("kernel_distance", "kernel distance of features", LOWER, 1.0, 3, (-math.inf, math.inf)),
    Metric("fvd", "FVD", LOWER, 1.0, 1, given=True),
    Metric("diversity_noise", "diversity over z, 1/1000", REAL_BEST, 1000.0, 2, given=True),
    Metric("diversity_velocity", "diversity over velocities, 1/1000", REAL_BEST, 1000.0, 2, given=True),
    Metric("motion_energy", "motion energy, 1/1000", REAL_BEST, 1000.0, 2, given=True),
)


def metrics_content(scores: StudyScores) -> dict[str, Any]:
    """Returns the content of `metrics.json`: {"caption", "metrics", "rows" (one per arm), "references"}."""
    known = [metric for metric in METRICS if any(_of(scores, arm, metric) for arm in scores.arms)]
    caption = facts(scores)
    caption["features"] = _features(scores)
    caption["notes"] = _notes(scores, caption, known)
    references = [("real", "real clips", scores.real), ("still", "first frame", scores.still)]
    return {
        "caption": caption,
        "metrics": [
            {"key": one.key, "title": one.title, "better": one.better, "scale": one.scale, "digits": one.digits}
            for one in known
        ],
        "rows": [
            {
                "arm": arm.slug,
                "title": arm.title,
                "n_seeds": len(arm.sheets),
                "values": {
                    metric.key: _entry(
                        estimate_mean(_of(scores, arm, metric), metric.scale, metric.bounds, folds=scores.folds)
                    )
                    for metric in known
                },
            }
            for arm in scores.arms
        ],
        "references": [
            {
                "key": key,
                "title": title,
                "values": {metric.key: _reference(sheet, metric, scores.unseen_frames) for metric in known},
            }
            for key, title, sheet in references
            if sheet is not None
        ],
    }


def metrics_table(scores: StudyScores) -> Table:
    """Returns the table in all its forms."""
    content = metrics_content(scores)
    known = [metric for metric in METRICS if any(one["key"] == metric.key for one in content["metrics"])]
    view = TextTable(
        caption=sentence(content["caption"], f"other scores on the test split, mean over seeds ({INTERVAL})"),
        head=(entry_word(scores.row), "seeds", *(metric.head for metric in known)),
        rows=tuple(
            (row["title"], str(row["n_seeds"]), *(_cell(row["values"][metric.key], metric) for metric in known))
            for row in content["rows"]
        ),
        references=tuple(
            (row["title"], "-", *(_cell(row["values"][metric.key], metric) for metric in known))
            for row in content["references"]
        ),
        notes=tuple(content["caption"]["notes"]),
    )
    records = [
        {"arm": row.get("arm", row.get("key")), "title": row["title"], "metric": key, **(entry or {})}
        for row in (*content["rows"], *content["references"])
        for key, entry in row["values"].items()
    ]
    return Table("metrics", content, view, records)


def _of(scores: StudyScores, arm: ArmScores, metric: Metric) -> dict[int, Clips]:
    """{seed: values} of one metric, for the seeds that have it."""
    found = {seed: _values(sheet, metric, scores.unseen_frames) for seed, sheet in arm.sheets.items()}
    return {seed: values for seed, values in found.items() if values is not None}


def _values(sheet: ScoreSheet, metric: Metric, unseen: int | None) -> Clips | None:
    """Values of a metric by clip, or a single one; None if there are none that can be compared.

    Args:
        unseen: number of last frames that no method has seen, if some methods see more frames than others.
    """
    if metric.key == "second":
        return correct(sheet, second=True) if sheet.predicted_second else None
    if metric.given and unseen is not None:
        by_frame = sheet.frames.get(metric.key)
        return None if by_frame is None else np.array([np.mean(by_frame[-unseen:])])
    if metric.key in sheet.clips:
        return np.asarray(sheet.clips[metric.key], dtype=np.float64)
    if metric.key in sheet.numbers:
        return np.array([sheet.numbers[metric.key]])
    return None


def _reference(sheet: ScoreSheet, metric: Metric, unseen: int | None) -> dict[str, Any] | None:
    values = _values(sheet, metric, unseen)
    if values is None or not np.isfinite(values).all() or not values.size:
        return None
    return {"mean": metric.scale * float(values.mean()), "ci95": None, "n_seeds": 1, "clips": int(values.size)}


def _entry(found: MeanEstimate | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"mean": found.mean, "ci95": as_list(found.interval), "n_seeds": found.seeds, "clips": found.clips}


def _features(scores: StudyScores) -> int | None:
    counts = {int(s.numbers["features"]) for arm in scores.arms for s in arm.sheets.values() if "features" in s.numbers}
    return counts.pop() if len(counts) == 1 else None


def _notes(scores: StudyScores, caption: Mapping[str, Any], known: list[Metric]) -> list[str]:
    if not known:
        return ["The record has no scores other than the accuracy."]
    keys, notes = {metric.key for metric in known}, []
    true = [name for key, name in (("psnr", "PSNR"), ("ssim", "SSIM"), ("lpips", "LPIPS")) if key in keys]
    if true:
        names = " and ".join([", ".join(true[:-1]), true[-1]] if len(true) > 1 else true)
        verb = "are" if len(true) > 1 else "is"
        notes.append(f"{names} {verb} measured on clips generated with the test clip's true velocities.")
    if scores.unseen_frames is not None:
        notes.append(
            "Some methods are given more frames than others, so PSNR and SSIM are those of the last "
            f"{scores.unseen_frames} frames, which no method has seen. Diversity, motion energy, LPIPS and FVD are "
            "omitted, because they cover frames that some methods are given."
        )
    if "identity" in keys:
        notes.append(
            f"Identity kept is measured on{_identity_clips(scores)} clips generated for training subjects, from frames "
            "that the subject classifier was not trained on; the reference is measured on the real clips of these "
            "subjects."
        )
    if "frechet_distance" in keys and caption["features"] is not None:
        text = f"The Fréchet and kernel distances compare motion classifier features of {caption['features']} clips"
        floor = None if scores.real is None else scores.real.numbers.get("frechet_distance")
        if floor is not None:
            split = scores.row.dataset.get("split", {})
            others = ", of other subjects," if split.get("rule") == "subject" else ""
            size = scores.real.numbers.get("features") if scores.real is not None else None
            many = "" if size is None else f"as many ({size:.0f}) " if size == caption["features"] else f"{size:.0f} "
            text += f"; {many}training clips{others} have a Fréchet distance of {floor:.2f} to the test clips"
        notes.append(
            f"{text}. They are not comparable with values from another classifier, another number of clips or the "
            "literature."
        )
    if any(metric.better == REAL_BEST for metric in known):
        notes.append(
            "Larger diversity or motion energy is not better: the motion energy should match that of real clips."
        )
    return notes


def _identity_clips(scores: StudyScores) -> str:
    counts = {len(s.clips["identity"]) for arm in scores.arms for s in arm.sheets.values() if "identity" in s.clips}
    return f" {counts.pop()}" if len(counts) == 1 else ""


def _cell(entry: Mapping[str, Any] | None, metric: Metric) -> str:
    if entry is None:
        return "-"
    form = f".{metric.digits}f"
    text = number(entry["mean"], form)
    return text if entry["ci95"] is None else f"{text} ({entry['ci95'][0]:{form}} to {entry['ci95'][1]:{form}})"
