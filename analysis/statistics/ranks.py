"""Whether two measures, or a study and the paper, order the arms alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Agreement:
    """Kendall's tau-b (-1 to 1) of two rankings, with its two-sided p (exact where no two are equal)."""

    tau: float
    p: float
    arms: int


def agreement(paper: Mapping[str, float | None], found: Mapping[str, float | None]) -> Agreement | None:
    """Kendall's tau-b over the arms that both have a figure of; None for fewer than two, or a ranking all equal."""
    pairs = [
        (theirs, ours) for arm, theirs in paper.items() if theirs is not None and (ours := found.get(arm)) is not None
    ]
    if len({theirs for theirs, _ in pairs}) < 2 or len({ours for _, ours in pairs}) < 2:
        return None
    from scipy.stats import kendalltau  # takes a second to import, which every command would wait for

    first, second = zip(*pairs, strict=True)
    result = kendalltau(first, second)
    return Agreement(float(result.statistic), float(result.pvalue), len(pairs))
