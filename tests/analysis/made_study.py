"""A study record with invented scores: what tables, figures and report are tested on, without any training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ablations.arms import TABLE_4, Arm
from ablations.study import arm_proposals
from amc.config import natops
from amc.evaluation.score_sheet import REAL, STILL, ScoreSheet
from analysis.record.rows import SheetRow, StudyRow, TrialRow
from analysis.record.writing import RecordWriter

CLASSES, CLIPS, FRAMES = 3, 60, 8
NAMES = ("halt", "turn left", "wave off")
RIGHT: Mapping[str, float] = {  # each arm's true accuracy
    "ours": 0.9, "no_ya": 0.7, "no_ym": 1 / 3, "no_y": 1 / 3, "no_yprime": 0.8, "no_da": 0.88, "no_dm": 0.75,
    "no_ldaux": 0.8, "no_lgaux": 0.5, "no_lrank": 0.89,
}  # fmt: skip


def sheet(right: float, seed: int, *, clips: int = CLIPS) -> ScoreSheet:
    """A run's scores, its true accuracy `right`: hard clips are hard for every seed."""
    draw = np.random.default_rng([7, seed])
    label = np.arange(clips) % CLASSES
    hard = np.random.default_rng(1).normal(0, 1, clips)
    level = math.log(right / (1 - right)) if 0 < right < 1 else math.copysign(50, right - 0.5)
    hit = draw.random(clips) < 1 / (1 + np.exp(-(1.3 * level + hard + draw.normal(0, 0.3))))
    other = (label + draw.integers(1, CLASSES, clips)) % CLASSES
    predicted = np.where(hit, label, other)
    second = np.where(draw.random(clips) < 0.95, predicted, label)

    def spread(middle: float, size: int = clips) -> tuple[float, ...]:
        return tuple((middle * (1 + draw.normal(0, 0.1, size))).tolist())

    return ScoreSheet(
        label=tuple(label.tolist()),
        subject=tuple((np.arange(clips) % 4).tolist()),
        predicted=tuple(predicted.tolist()),
        predicted_second=tuple(second.tolist()),
        clips={
            "psnr": spread(20 + 5 * right),
            "ssim": spread(0.6 + 0.2 * right),
            "diversity_noise": spread(0.01),
            "diversity_velocity": spread(0.03),
            "motion_energy": spread(0.02 + 0.01 * right),
            "identity": spread(0.5 * right + 0.2, 24),
        },
        frames={"psnr": tuple(np.linspace(28, 20, FRAMES - 1)), "ssim": tuple(np.linspace(0.9, 0.7, FRAMES - 1))},
        numbers={"frechet_distance": 10 - 8 * right, "kernel_distance": 1 - 0.8 * right, "features": float(clips)},
    )


def references() -> dict[str, ScoreSheet]:
    """The study's own sheets: real clips are nearly all recognised, still ones are all taken for class 0."""
    real = sheet(0.99, 1000)
    real = replace(real, frames={}, clips={"motion_energy": real.clips["motion_energy"], "identity": (0.95,) * 24},
                   numbers={"frechet_distance": 0.8, "kernel_distance": 0.01, "features": float(CLIPS)})  # fmt: skip
    still = replace(real, predicted=(0,) * CLIPS, predicted_second=(0,) * CLIPS, clips={}, numbers={})
    return {REAL: real, STILL: still}


def write_study(
    address: str | Path,
    *,
    name: str = "made-smoke-table4",
    arms: Sequence[Arm] = TABLE_4,
    seeds: int = 3,
    done: int | None = None,
    right: Mapping[str, float] = RIGHT,
    sheets: bool = True,
    **changes: Any,
) -> None:
    """Writes a study of arms by seeds to the record at `address`.

    Args:
        done: trials that are complete, in the order in which a study runs them; None is all. The next one is running,
            the others have not begun.
        right: true accuracy of each arm.
        sheets: as since score sheets exist; without them a trial has its test accuracy alone.
        changes: of `StudyRow`, such as `preset`.
    """
    base = natops("smoke")
    row = StudyRow(
        name=name,
        uid="",
        kind="table4",
        preset="smoke",
        seed=0,
        dataset={
            "name": "natops",
            "origin": "procedural",
            "fingerprint": "ab" * 32,
            "clips": 240,
            "split": {"rule": "subject", "seed": 0, "train": 150, "validation": 30, "test": CLIPS},
            "chance": 1 / CLASSES,
            "real_accuracy": {"validation": 1.0, "test": 0.99},
        },
        config=base.to_dict(),
        space={},
        settings={
            "seeds": seeds,
            "arms": [
                {"arm": arm.slug, "title": arm.title, "paper": arm.paper, "changes": dict(arm.changes)} for arm in arms
            ],
            "from_study": None,
            "class_names": list(NAMES),
            "workers": 2,
        },
        versions={"amc-gan": "0.1", "git": "0123456", "torch": "2.13.0"},
        created=1_790_000_000.0,
    )
    with RecordWriter(address) as record, record.lock_study(name):
        record.create_study(replace(row, **changes))
        if sheets:
            for key, made in references().items():
                record.put_score_sheet(SheetRow(name, key, "made", 1.0, made.to_dict()))
        proposals = arm_proposals(base, arms, seeds, 0)
        done = len(proposals) if done is None else done
        for proposal in proposals[: done + 1]:
            arm = str(proposal.params["arm"])
            record.add_trial(
                TrialRow(
                    name,
                    proposal.key,
                    proposal.role,
                    proposal.number,
                    None,
                    "WAITING",
                    proposal.params,
                    proposal.config.to_dict(),
                    proposal.config.seed,
                    base.training.steps,
                )
            )
            attempt = record.begin(name, proposal.key).attempts
            record.mark_started(name, proposal.key, attempt)
            if proposal.number >= done:
                continue
            made = sheet(right[arm], 100 * list(right).index(arm) + proposal.config.seed)
            accuracy = float(np.mean(np.array(made.label) == np.array(made.predicted)))
            for step in range(10, base.training.steps + 1, 10):
                reached = accuracy * (1 - math.exp(-step / 10))
                metrics = {"val/accuracy": reached, "loss/l1": 1 - reached, "time/seconds": step * 0.1}
                record.report(name, proposal.key, attempt, step, metrics)
            record.finish(
                name,
                proposal.key,
                attempt,
                "COMPLETE",
                value=accuracy,
                scores={"test/accuracy": accuracy, "test/clips": float(CLIPS), "test/correct": accuracy * CLIPS},
                sheet=SheetRow(name, proposal.key, "made", 1.0, made.to_dict()) if sheets else None,
            )
