"""Krippendorff's alpha: agreement between raters, corrected for chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence


def krippendorff_alpha(units: Iterable[Sequence[Hashable]]) -> float | None:
    """Returns Krippendorff's alpha for nominal answers (Krippendorff, "Content analysis", 2004, ch. 11).

    1 is perfect agreement, 0 what chance would give, below 0 is systematic disagreement.

    Args:
        units: the answers to each question, by any number of raters; questions with a single answer do not count.

    Returns:
        Alpha; None if no question has two answers, or if all answers are equal, so that nothing is known about chance.
    """
    counted = [Counter(unit) for unit in units if len(unit) > 1]
    totals: Counter[Hashable] = Counter()
    for unit in counted:
        totals.update(unit)
    n = totals.total()
    if len(totals) < 2:
        return None
    observed = sum((m * m - sum(v * v for v in unit.values())) / (m - 1) for unit in counted if (m := unit.total()))
    expected = (n * n - sum(v * v for v in totals.values())) / (n - 1)
    return 1 - observed / expected
