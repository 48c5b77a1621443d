"""Simulates coverage and power of `analysis.statistics`: `python benchmarks/coverage.py --json`.

Prints the tables of docs/statistics.md: coverage of nominal 95% intervals for an arm's mean and for a paired
difference, compared with Student's t over the seeds; false positives among nine arms that do not differ, after Holm's
correction; and how often the one arm of nine that is 10 points lower is found. Then coverage and false positives of
studies with folds over subjects, whose intervals are to hold for other subjects.

Takes about four minutes on one core.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from analysis.statistics.holm import holm
from analysis.statistics.intervals import crossed_interval, p_value
from analysis.statistics.levels import ALPHA
from analysis.statistics.mean_squares import MeanSquares, mean_squares
from benchmarks.simulated_studies import (
    AnswerSpread,
    SubjectSpread,
    fold_studies,
    fold_subjects,
    seed_deviation,
    studies,
)

SEEDS = (3, 6, 10)
SHARES = (0.6, 1 / 24, 0.95)
# From seeds that hardly differ to seeds that differ much, and from equal clips to clips that are always right or wrong.
SETTINGS = (
    AnswerSpread("seeds alike, clips alike", 0.0, 0.0, 0.0, 180),
    AnswerSpread("seeds near, clips differ much", 0.1, 1.5, 0.5, 180),
    AnswerSpread("seeds differ, clips differ", 0.3, 1.0, 0.5, 180),
    AnswerSpread("seeds differ, few clips", 0.3, 1.0, 0.5, 72),
    AnswerSpread("seeds differ much, clips alike", 0.6, 0.0, 0.0, 300),
    AnswerSpread("seeds differ very much, clips differ", 1.0, 0.5, 0.5, 180),
)
FAMILY_SEEDS, FAMILY, PLANTED = 8, 9, 0.1
# Power depends mostly on how much seeds differ.
SPREADS = tuple(AnswerSpread("", seed, 1.0, 0.5, 180) for seed in (0.05, 0.1, 0.15, 0.2, 0.3, 0.5))
POWER_SEEDS = (3, 6, 8, 10)

FOLDS, RUNS, SUBJECTS, FOLD_SHARES, FOLD_OTHER = 5, (1, 2), (60, 20), (0.68, 0.97), 0.68
FOLD_SETTINGS = (
    SubjectSpread("seeds alike, subjects differ", 0.0, 1.0, 0.5),
    SubjectSpread("seeds differ, subjects differ", 0.3, 1.0, 0.5),
    SubjectSpread("seeds differ much, subjects differ less", 0.6, 0.5, 0.5),
    SubjectSpread("seeds differ very much, subjects differ less", 1.0, 0.5, 0.5),
    SubjectSpread("seeds differ, subjects differ very much", 0.3, 2.0, 0.5),
)


def coverage(setting: AnswerSpread, share: float, other: float, seeds: int, count: int, draw: Any) -> dict[str, float]:
    """Coverage of the intervals of an arm's mean, and of its difference from an arm with share `other`.

    Args:
        share, other: true accuracies, 0 to 1.
        count: number of simulated studies.

    Returns:
        Coverages from 0 to 1, and half widths of the intervals in points.
    """
    rows = [
        (_held(mean_squares(lot[:, 0]), share), _held(_difference(lot), share - other))
        for lot in studies(setting, (share, other), seeds, count, draw)
    ]
    mean, difference = (np.concatenate(part, axis=1) for part in zip(*rows, strict=True))
    return {
        "mean": float(mean[0].mean()),
        "mean_half_width": 100 * float(mean[1].mean()),
        "mean_seeds_alone": float(mean[2].mean()),
        "difference": float(difference[0].mean()),
        "difference_half_width": 100 * float(difference[1].mean()),
        "difference_seeds_alone": float(difference[2].mean()),
    }


def found(setting: AnswerSpread, shares: Sequence[float], seeds: int, count: int, draw: Any) -> NDArray[np.bool_]:
    """(count, arms - 1): whether each arm is significantly different from the first, after Holm over all of them."""
    lots = []
    for lot in studies(setting, shares, seeds, count, draw):
        answers = lot.astype(np.int8)
        p = np.stack(
            [p_value(mean_squares(answers[:, arm] - answers[:, 0]), 0.0) for arm in range(1, len(shares))], axis=1
        )
        lots.append(np.array([holm(row) for row in p]) < ALPHA)
    return np.concatenate(lots)


def fold_coverage(
    setting: SubjectSpread, share: float, other: float, subjects: int, runs: int, count: int, draw: Any
) -> dict[str, float]:
    """Coverage, for other subjects, of the intervals of an arm's mean and of its difference from a share `other`.

    `mean_clips_alone` and `difference_clips_alone` are those of intervals that count clips as independent within one
    fixed test split, as large as a fold, with as many seeds: what a study without folds reports.
    """
    names, rows = fold_subjects(setting, subjects, FOLDS), []
    for lot in fold_studies(setting, (share, other), subjects, FOLDS, runs, count, draw):
        apart = [fold[:, 0].astype(np.int8) - fold[:, 1] for fold in lot]
        squares = mean_squares([fold[:, 0] for fold in lot], subjects=names)
        rows.append((_held(squares, share), _held(mean_squares(apart, subjects=names), share - other)))
    fixed = [
        (_held(mean_squares(lot[:, 0]), share), _held(_difference(lot), share - other))
        for (lot,) in fold_studies(setting, (share, other), subjects // FOLDS, 1, FOLDS * runs, count, draw)
    ]
    (mean, difference), (alone, difference_alone) = (
        [np.concatenate(part, axis=1) for part in zip(*lots, strict=True)] for lots in (rows, fixed)
    )
    return {
        "mean": float(mean[0].mean()),
        "mean_half_width": 100 * float(mean[1].mean()),
        "mean_clips_alone": float(alone[0].mean()),
        "difference": float(difference[0].mean()),
        "difference_half_width": 100 * float(difference[1].mean()),
        "difference_clips_alone": float(difference_alone[0].mean()),
    }


def found_in_folds(
    setting: SubjectSpread, shares: Sequence[float], subjects: int, runs: int, count: int, draw: Any
) -> NDArray[np.bool_]:
    """(count, arms - 1): as `found`, in studies with folds over subjects."""
    names, lots = fold_subjects(setting, subjects, FOLDS), []
    for lot in fold_studies(setting, shares, subjects, FOLDS, runs, count, draw):
        answers = [fold.astype(np.int8) for fold in lot]
        p = [
            p_value(mean_squares([fold[:, arm] - fold[:, 0] for fold in answers], subjects=names), 0.0)
            for arm in range(1, len(shares))
        ]
        lots.append(np.array([holm(row) for row in np.stack(p, axis=1)]) < ALPHA)
    return np.concatenate(lots)


def measured_folds(count: int, seed: int) -> dict[str, Any]:
    """The tables of studies with folds over subjects, with `count` simulated studies per row."""
    draw = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    families: list[dict[str, Any]] = []
    for subjects in SUBJECTS:
        for setting in FOLD_SETTINGS:
            for share in FOLD_SHARES:
                for runs in RUNS:
                    about = {"setting": setting.name, "subjects": subjects, "share": share, "runs": runs}
                    rows.append({**about, **fold_coverage(setting, share, FOLD_OTHER, subjects, runs, count, draw)})
                same = found_in_folds(setting, (share,) * (FAMILY + 1), subjects, 1, count, draw)
                false = float(same.any(axis=1).mean())
                families.append(
                    {"setting": setting.name, "subjects": subjects, "share": share, "false_positive": false}
                )
    return {"coverage": rows, "families": families, "near_one": _near_one(count, np.random.default_rng(seed))}


def _near_one(count: int, draw: Any) -> list[dict[str, Any]]:
    """Coverage of differences of two arms that are both near 1, where few clips differ."""
    share = max(FOLD_SHARES)
    return [
        {
            "setting": setting.name,
            "subjects": subjects,
            "runs": runs,
            **fold_coverage(setting, share, share, subjects, runs, count, draw),
        }
        for subjects in SUBJECTS
        for setting in FOLD_SETTINGS
        for runs in RUNS
    ]


def _difference(lot: NDArray[np.bool_]) -> MeanSquares:
    answers = lot.astype(np.int8)
    return mean_squares(answers[:, 0] - answers[:, 1])


def _held(squares: MeanSquares, truth: float) -> NDArray[np.float64]:
    low, high = crossed_interval(squares, ALPHA)
    alone = stdtrit(squares.seeds - 1, 1 - ALPHA / 2) * np.sqrt(squares.run)
    held = (low <= truth) & (truth <= high)
    return np.stack([held, (high - low) / 2, abs(squares.mean - truth) <= alone])


def measured(count: int, seed: int) -> dict[str, Any]:
    """All tables, with `count` simulated studies per row."""
    draw = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for setting in SETTINGS:
        for share in SHARES:
            about = {"setting": setting.name, "clips": setting.clips, "share": share}
            about["seed_deviation_points"] = 100 * seed_deviation(share, setting)
            rows += [{**about, "seeds": n, **coverage(setting, share, min(share, 0.6), n, count, draw)} for n in SEEDS]
    families: list[dict[str, Any]] = []
    for setting in SETTINGS:
        for share in SHARES:
            same = found(setting, (share,) * (FAMILY + 1), FAMILY_SEEDS, count, draw)
            false = float(same.any(axis=1).mean())
            families.append({"setting": setting.name, "share": share, "false_positive": false})
    powers: list[dict[str, Any]] = []
    for setting in SPREADS:
        for share in (0.6, 0.95):
            planted = (share, share - PLANTED, *(share,) * (FAMILY - 1))
            rates = {n: float(found(setting, planted, n, count, draw)[:, 0].mean()) for n in POWER_SEEDS}
            deviation = 100 * seed_deviation(share, setting)
            powers.append({"share": share, "seed_deviation_points": deviation, "found": rates})
    return {
        "studies": count,
        "seed": seed,
        "coverage": rows,
        "families": families,
        "power": powers,
        "folds": measured_folds(count, seed),
    }


def markdown(content: dict[str, Any]) -> str:
    """The tables of docs/statistics.md."""
    lines = ["| setting | clips | share | SD of seeds | seeds | mean | t alone | difference | t alone |"]
    lines += ["| --- |" + " ---: |" * 8]
    for row in content["coverage"]:
        cells = [row["setting"], row["clips"], f"{row['share']:.2f}", f"{row['seed_deviation_points']:.1f}"]
        cells += [row["seeds"]]
        cells += [f"{row[k]:.3f}" for k in ("mean", "mean_seeds_alone", "difference", "difference_seeds_alone")]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    lines += ["", "| setting | share | false positives |", "| --- | ---: | ---: |"]
    for row in content["families"]:
        lines.append(f"| {row['setting']} | {row['share']:.2f} | {row['false_positive']:.3f} |")
    lines += ["", "| share | SD of seeds | " + " | ".join(f"{n} seeds" for n in POWER_SEEDS) + " |"]
    lines += ["| ---: |" + " ---: |" * (1 + len(POWER_SEEDS))]
    for row in content["power"]:
        rates = " | ".join(f"{row['found'][n]:.3f}" for n in POWER_SEEDS)
        lines.append(f"| {row['share']:.2f} | {row['seed_deviation_points']:.1f} | {rates} |")
    lines += ["", "| setting | subjects | share | runs per fold | mean | fixed split | difference | fixed split |"]
    lines += ["| --- |" + " ---: |" * 7]
    for row in content["folds"]["coverage"]:
        cells = [row["setting"], row["subjects"], f"{row['share']:.2f}", row["runs"]]
        cells += [f"{row[k]:.3f}" for k in ("mean", "mean_clips_alone", "difference", "difference_clips_alone")]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    lines += ["", "| setting | subjects | runs per fold | difference | fixed split |"]
    lines += ["| --- |" + " ---: |" * 4]
    for row in content["folds"]["near_one"]:
        rates = " | ".join(f"{row[k]:.3f}" for k in ("difference", "difference_clips_alone"))
        lines.append(f"| {row['setting']} | {row['subjects']} | {row['runs']} | {rates} |")
    lines += ["", "| setting | subjects | share | false positives |", "| --- | ---: | ---: | ---: |"]
    for row in content["folds"]["families"]:
        lines.append(f"| {row['setting']} | {row['subjects']} | {row['share']:.2f} | {row['false_positive']:.3f} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=2000, help="simulated studies per row (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="random seed (default: 0)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    args = parser.parse_args(argv)
    content = measured(args.studies, args.seed)
    print(json.dumps(content, indent=2) if args.json else markdown(content))


if __name__ == "__main__":
    main()
