"""The summary of a score sheet that the record and MLflow show."""

from __future__ import annotations

import numpy as np

from amc.evaluation.score_sheet import ScoreSheet


def headline(sheet: ScoreSheet, part: str = "test") -> dict[str, float]:
    """By `part`/name: accuracies as fractions, means over clips of per-clip metrics, distances.

    `correct` and `clips` are the numerator and denominator of the accuracy.
    """
    label = np.array(sheet.label)
    correct = np.array(sheet.predicted) == label
    found = {
        "accuracy": float(correct.mean()),
        "clips": float(len(correct)),
        "correct": float(correct.sum()),
    }
    if sheet.predicted_second:
        found["second_accuracy"] = float((np.array(sheet.predicted_second) == label).mean())
    found |= {name: float(np.mean(values)) for name, values in sheet.clips.items()}
    found |= {name: value for name, value in sheet.numbers.items() if name != "features"}
    return {f"{part}/{name}": value for name, value in found.items()}
