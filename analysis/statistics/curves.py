"""Steps that a validation curve takes to a target; runs that do not reach it are censored, not left out."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Reached:
    """Steps to a target over S seeds. A mean over those that reached it would favour arms whose slow seeds fail.

    Attributes:
        seeds, reached: S, and how many of them came to the target.
        median: with the others counted as later than any; None where it is one of them.
        fastest: of all; None where no seed reached it.
        slowest: None unless all seeds reached it.
    """

    seeds: int
    reached: int
    median: float | None
    fastest: float | None
    slowest: float | None


def steps_to(curve: Mapping[int, float], target: float) -> float | None:
    """The first step at which {step: value} is at `target`, linear between looks; None: not reached.

    A curve that starts at or above it is there at its first look.
    """
    before: tuple[int, float] | None = None
    for step in sorted(curve):
        value = curve[step]
        if value >= target:
            if before is None:
                return float(step)
            start, low = before
            return start + (step - start) * (target - low) / (value - low)
        before = (step, value)
    return None


def reached(steps: Sequence[float | None]) -> Reached:
    """The summary of what `steps_to` gives for each seed.

    Raises:
        ValueError: no seeds.
    """
    if not steps:
        raise ValueError("no seeds")
    values = sorted(math.inf if step is None else step for step in steps)
    there = sum(math.isfinite(value) for value in values)
    return Reached(
        seeds=len(values),
        reached=there,
        median=_finite(statistics.median(values)),
        fastest=_finite(values[0]),
        slowest=_finite(values[-1]),
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
