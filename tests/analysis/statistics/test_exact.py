from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.statistics import holm, mean_interval, sign_flip_p


def test_t_interval_of_three_values() -> None:
    # mean 2, s = 1, t(0.975; 2) = 4.302653: 2 -+ 4.302653 / sqrt(3) = 2 -+ 2.484138
    found = mean_interval([1.0, 2.0, 3.0])
    assert found.mean == 2.0
    assert found.interval == pytest.approx((2 - 2.484138, 2 + 2.484138), abs=1e-5)


def test_one_value_gives_no_interval() -> None:
    assert mean_interval([0.25]).interval is None


def test_equal_values_give_a_point() -> None:
    assert mean_interval([0.5, 0.5]).interval == (0.5, 0.5)


def test_no_values() -> None:
    with pytest.raises(ValueError, match="no values"):
        mean_interval([])


def test_sign_flips_of_three_pairs() -> None:
    # Sums of the 8 sign patterns of (1, 2, 4) are -7 -5 -3 -1 1 3 5 7; two of them are as far from 0 as 7.
    assert sign_flip_p([1.0, 2.0, 4.0]) == 2 / 8
    # (-1, 2, 4) sums to 5: -7 -5 5 7 are as far.
    assert sign_flip_p([-1.0, 2.0, 4.0]) == 4 / 8


def test_equal_arms_are_not_different() -> None:
    assert sign_flip_p([0.0, 0.0, 0.0, 0.0]) == 1.0


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=10))
def test_p_is_never_below_what_so_few_pairs_can_show(differences: list[float]) -> None:
    p = sign_flip_p(differences)
    assert min(1.0, 2 / 2 ** len(differences)) <= p <= 1
    assert sign_flip_p([-d for d in differences]) == p


def test_holm_by_hand() -> None:
    # Sorted 0.01, 0.02, 0.03, 0.6 times 4, 3, 2, 1, never falling: 0.04, 0.06, 0.06, 0.6.
    assert holm([0.03, 0.01, 0.6, 0.02]) == pytest.approx([0.06, 0.04, 0.6, 0.06])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_twenty_pairs_are_counted_out() -> None:
    # All of one size and sign: only the pattern and its opposite are as far. 19 against 1: 21 patterns each way.
    assert sign_flip_p([1.0] * 20) == 2 / 2**20
    assert sign_flip_p([1.0] * 19 + [-1.0]) == 2 * 21 / 2**20
