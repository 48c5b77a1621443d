"""Whether two measures put the arms in the same order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from analysis import statistics


def agreement(first: Mapping[str, float | None], second: Mapping[str, float | None]) -> dict[str, Any] | None:
    """Kendall's tau-b of the arms that both know: {"tau", "p", "arms"}; None for fewer than three, or all equal."""
    found = statistics.agreement(first, second)
    return None if found is None or found.arms < 3 else asdict(found)


def swapped(first: Mapping[str, float | None], second: Mapping[str, float | None]) -> list[tuple[str, str]]:
    """The pairs of arms that the two measures order differently, as (better by the first, better by the second)."""
    arms = [arm for arm, value in first.items() if value is not None and second.get(arm) is not None]
    return [
        (one, other)
        for one in arms
        for other in arms
        if (first[one] or 0) > (first[other] or 0) and (second[one] or 0) < (second[other] or 0)
    ]
