from __future__ import annotations

import pytest
from scipy.stats import kendalltau

from analysis.statistics import Agreement, agreement


def test_tau_by_hand() -> None:
    # Of the 6 pairs of (1, 2, 3, 4) with (1, 2, 4, 3) one is turned: (5 - 1) / 6. Of the 24 orders 1 has none turned
    # and 3 have one, as many at the other end: p = 8 / 24.
    found = agreement({"a": 1, "b": 2, "c": 3, "d": 4}, {"a": 10, "b": 20, "c": 40, "d": 30, "e": 1})
    assert found == Agreement(pytest.approx(4 / 6), pytest.approx(8 / 24), 4)


def test_ties_as_scipy_has_them() -> None:
    first, second = [1.0, 2.0, 2.0, 4.0, 5.0], [2.0, 1.0, 3.0, 3.0, 9.0]
    found = agreement(dict(zip("abcde", first, strict=True)), dict(zip("abcde", second, strict=True)))
    expected = kendalltau(first, second)
    assert found == Agreement(pytest.approx(expected.statistic), pytest.approx(expected.pvalue), 5)


def test_no_ranking_has_no_tau() -> None:
    assert agreement({"a": 1.0, "b": None}, {"a": 2.0, "b": 3.0}) is None
    assert agreement({"a": 1.0, "b": 2.0}, {"a": 2.0, "b": 2.0}) is None
