"""How alike the scores of two configurations of a search are expected to be, by the distance of their parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

LENGTH = 0.1  # root mean square of the parameters' differences, in ranges, at which the correlation is exp(-1/2)
JITTER = 1e-4  # variance of each configuration alone; keeps the matrix invertible


def similarities(configurations: Sequence[Mapping[str, Any]], space: Mapping[str, Any]) -> NDArray[np.float64]:
    """Prior correlations (K, K) of the true scores of K configurations, plus `JITTER` on the diagonal.

    A squared exponential of the root mean square over parameters of their differences: of numbers as a share of the
    parameter's range, on its scale; 1 for different choices, and where only one of the two configurations has the
    parameter.

    Args:
        configurations: searched parameters by dotted name; those that are not in `space` are left out.
        space: of the study (`StudyRow.space`); with no parameters, no two configurations are alike.
    """
    count = len(configurations)
    rows: Mapping[str, Mapping[str, Any]] = space.get("parameters") or {}
    squared = np.zeros((count, count))
    for name, row in rows.items():
        places = [_place(one.get(name), row) for one in configurations]
        known = np.array([place is not None for place in places])
        if any(isinstance(place, str) for place in places):
            texts = np.array([str(place) for place in places])
            squared += texts[:, None] != texts[None, :]
            continue
        numbers = np.array([0.0 if place is None else place for place in places], dtype=np.float64)
        gaps = (numbers[:, None] - numbers[None, :]) ** 2
        squared += np.where(known[:, None] & known[None, :], gaps, known[:, None] != known[None, :])
    if not rows:
        return np.eye(count)
    found: NDArray[np.float64] = np.exp(-squared / len(rows) / (2 * LENGTH**2)) + JITTER * np.eye(count)
    return found


def _place(value: Any, row: Mapping[str, Any]) -> float | str | None:
    """A number's place in the range of its parameter, 0 to 1 inside it; a choice as text; None if there is no value."""
    if value is None:
        return None
    if row["kind"] in ("categorical", "bool") or not isinstance(value, (int, float)):
        return repr(value)
    low, high = float(row["low"]), float(row["high"])
    if row["kind"] == "log":
        # A weight may be 0 in a trial of an earlier space: one range below the lowest.
        return math.log(value / low) / math.log(high / low) if value > 0 else -1.0
    return (value - low) / (high - low)
