from __future__ import annotations

import pytest
from scipy.stats import kendalltau

from analysis.statistics.rank_agreement import RankAgreement, rank_agreement, swapped_pairs


def test_tau_by_hand() -> None:
    # Of the 6 pairs of (1, 2, 3, 4) with (1, 2, 4, 3) one is turned: (5 - 1) / 6. Of the 24 orders 1 has none turned
    # and 3 have one, as many at the other end: p = 8 / 24.
    found = rank_agreement({"a": 1, "b": 2, "c": 3, "d": 4}, {"a": 10, "b": 20, "c": 40, "d": 30, "e": 1})
    assert found == RankAgreement(pytest.approx(4 / 6), pytest.approx(8 / 24), 4)


def test_ties_match_scipy() -> None:
    first, second = [1.0, 2.0, 2.0, 4.0, 5.0], [2.0, 1.0, 3.0, 3.0, 9.0]
    found = rank_agreement(dict(zip("abcde", first, strict=True)), dict(zip("abcde", second, strict=True)))
    expected = kendalltau(first, second)
    assert found == RankAgreement(pytest.approx(expected.statistic), pytest.approx(expected.pvalue), 5)


def test_no_tau_for_fewer_than_three_arms_or_equal_values() -> None:
    assert rank_agreement({"a": 1.0, "b": 2.0}, {"a": 2.0, "b": 3.0}) is None
    assert rank_agreement({"a": 1.0, "b": 2.0, "c": None}, {"a": 2.0, "b": 3.0, "c": 1.0}) is None
    assert rank_agreement({"a": 1.0, "b": 2.0, "c": 3.0}, {"a": 2.0, "b": 2.0, "c": 2.0}) is None


def test_swapped_pairs_name_the_better_arm_of_each_order() -> None:
    first, second = {"a": 3.0, "b": 2.0, "c": 1.0, "d": None}, {"a": 1.0, "b": 2.0, "c": 0.5, "d": 9.0}
    assert swapped_pairs(first, second) == [("a", "b")]
