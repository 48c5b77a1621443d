"""Whether arms order as the paper's do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.statistics.crossed import Crossed


@dataclass(frozen=True)
class Agreement:
    """Kendall's tau-b (-1 to 1) of two rankings, with its two-sided p (exact where no two are equal)."""

    tau: float
    p: float
    arms: int


@dataclass(frozen=True)
class Ordered:
    """One arm against Ours, here and in the paper.

    Attributes:
        paper, found: the arm's figure minus Ours'.
        agrees: both have the same sign.
        clear: the found difference's interval leaves 0 out; None for one seed.
    """

    paper: float
    found: float
    agrees: bool
    clear: bool | None


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


def order(paper: Mapping[str, float | None], differences: Mapping[str, Crossed], ours: str) -> dict[str, Ordered]:
    """For each arm of `differences` (its figure minus that of the arm `ours`) whether the paper finds the same sign.

    Arms without a figure in the paper are left out.
    """
    found: dict[str, Ordered] = {}
    base = paper.get(ours)
    for arm, difference in differences.items():
        figure = paper.get(arm)
        if base is None or figure is None:
            continue
        theirs = figure - base
        agrees = (theirs > 0) == (difference.mean > 0) and (theirs < 0) == (difference.mean < 0)
        interval = difference.interval
        clear = None if interval is None else not interval[0] <= 0 <= interval[1]
        found[arm] = Ordered(theirs, difference.mean, agrees, clear)
    return found
