"""Training steps until a validation curve reaches a target; seeds that never reach it are censored, not left out."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class StepsToTarget:
    """Steps to a target over S seeds. A mean over the seeds that reached it would favour arms whose slow seeds fail.

    Attributes:
        seeds: S.
        reached: number of seeds that reached the target.
        median: median over all seeds, those that did not reach it counted as later than any; None if it is one of them.
        fastest: fewest steps; None if no seed reached the target.
        slowest: most steps; None unless all seeds reached it.
    """

    seeds: int
    reached: int
    median: float | None
    fastest: float | None
    slowest: float | None


def steps_to_target(curve: Mapping[int, float], target: float) -> float | None:
    """Returns the first step at which the curve {step: value} reaches `target`; None if it never does.

    Values are interpolated linearly between evaluations. A curve that starts at or above the target reaches it at its
    first evaluation.
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


def summarize_steps(steps: Sequence[float | None]) -> StepsToTarget:
    """Summarizes what `steps_to_target` returned for each seed.

    Raises:
        ValueError: `steps` is empty.
    """
    if not steps:
        raise ValueError("no seeds")
    values = sorted(math.inf if step is None else step for step in steps)
    return StepsToTarget(
        seeds=len(values),
        reached=sum(math.isfinite(value) for value in values),
        median=_finite(statistics.median(values)),
        fastest=_finite(values[0]),
        slowest=_finite(values[-1]),
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
