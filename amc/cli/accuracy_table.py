"""The accuracies of a run as text, for `amc train` and `amc evaluate`."""

from __future__ import annotations

from collections.abc import Mapping


def accuracy_table(title: str, accuracies: Mapping[str, float]) -> str:
    """A table in percent.

    Args:
        accuracies: fractions, with the keys of `amc.evaluation.validation.accuracies`.
    """
    rows = {
        "generated clips": accuracies["accuracy"],
        "  by a second classifier": accuracies["second_classifier_accuracy"],
        "first frame repeated": accuracies["copy_frame_accuracy"],
        "chance": accuracies["chance"],
        "real clips": accuracies["real_accuracy"],
    }
    return "\n".join([title, *(f"  {name:<26}{100 * value:>6.1f}" for name, value in rows.items())])
