"""A study of two or three arms whose every clip is written down: what the tables must say can be worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ablations.arms import TABLE_4
from amc.config import natops
from amc.evaluation.score_sheet import ScoreSheet
from analysis.record.rows import SheetRow, StudyRow, TrialRow
from analysis.record.writing import RecordWriter

DATASET: Mapping[str, Any] = {
    "name": "natops",
    "origin": "procedural",
    "fingerprint": "f" * 64,
    "split": {"rule": "random", "test": 288},
    "chance": 1 / 6,
    "real_accuracy": {"validation": 1.0, "test": 0.99},
}
PAPER = {arm.slug: arm for arm in TABLE_4}


def write_scores(
    address: Path,
    scores: Mapping[str, tuple[float | None, ...]],
    *,
    name: str = "s",
    sheets: Mapping[str, ScoreSheet] | None = None,
    arms: Mapping[str, Mapping[str, Any]] | None = None,
    dataset: Mapping[str, Any] = DATASET,
    folds: int = 0,
    **changes: Any,
) -> None:
    """Writes a record: {arm: its test accuracy by seed}, None for a run that failed; `sheets` by the trial's key.

    Args:
        arms: more of an arm's description, such as `seed_shift`.
        folds: over subjects; 0 is one test split for all runs.
        changes: of `StudyRow`.
    """
    more = arms or {}
    described = [
        {"arm": slug, "title": PAPER[slug].title, "paper": PAPER[slug].paper, **more.get(slug, {})}
        if slug in PAPER
        else {"arm": slug, "title": slug, "paper": None, **more.get(slug, {})}
        for slug in scores
    ]
    config = in_fold(natops("smoke").to_dict(), folds, 0)
    row = {"preset": "compact", "seed": 0, "config": config, "space": {}, "versions": {}, "created": 0.0}
    row |= {"settings": {"seeds": max(map(len, scores.values())), "arms": described}, "dataset": dataset, **changes}
    with RecordWriter(address) as record:
        record.create_study(StudyRow(name=name, uid="", **{"kind": "table4", **row}))
        number = 0
        for arm, values in scores.items():
            shift = int(more.get(arm, {}).get("seed_shift", 0))
            for seed, value in enumerate(values):
                key = f"{arm}-seed-{seed}"
                mine = in_fold(config, folds, seed)
                trial = TrialRow(name, key, "trial", number, None, "WAITING", {"arm": arm}, mine, seed + shift, 40)
                record.add_trial(trial)
                record.begin(name, key)
                if value is None:
                    record.finish(name, key, 1, "FAILED", reason="<the loss> | was & not finite_")
                else:
                    record.report(name, key, 1, 20, {"val/accuracy": value / 2})
                    record.report(name, key, 1, 40, {"val/accuracy": value})
                    made = (sheets or {}).get(key)
                    kept = None if made is None else SheetRow(name, key, "made", 1.0, made.to_dict())
                    record.finish(name, key, 1, "COMPLETE", value=0.5, scores={"test/accuracy": value}, sheet=kept)
                number += 1


def in_fold(config: Mapping[str, Any], folds: int, seed: int) -> dict[str, Any]:
    """The configuration of the run with this seed number."""
    split = {"folds": folds, "fold": seed % folds} if folds else {}
    return {**config, "split": {**config["split"], **split}}


def sheet(right: str, *, second: str | None = None, label: tuple[int, ...] | None = None, **more: Any) -> ScoreSheet:
    """A sheet of two classes: a 1 in `right` is a clip that is taken for what it should be."""
    asked = tuple(place % 2 for place in range(len(right))) if label is None else label

    def seen(marks: str) -> tuple[int, ...]:
        return tuple(want if mark == "1" else 1 - want for want, mark in zip(asked, marks, strict=True))

    return ScoreSheet(asked, (-1,) * len(asked), seen(right), () if second is None else seen(second), **more)
