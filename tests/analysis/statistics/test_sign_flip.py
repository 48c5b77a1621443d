from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import permutation_test

from analysis.statistics.sign_flip import sign_flip_p


def test_sign_flips_of_three_pairs() -> None:
    # Sums of the 8 sign patterns of (1, 2, 4) are -7 -5 -3 -1 1 3 5 7; two of them are as far from 0 as 7.
    assert sign_flip_p([1.0, 2.0, 4.0]) == 2 / 8
    # (-1, 2, 4) sums to 5: -7 -5 5 7 are as far.
    assert sign_flip_p([-1.0, 2.0, 4.0]) == 4 / 8


def test_equal_arms_are_not_different() -> None:
    assert sign_flip_p([0.0, 0.0, 0.0, 0.0]) == 1.0


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=10))
def test_p_is_never_below_its_minimum(differences: list[float]) -> None:
    p = sign_flip_p(differences)
    assert min(1.0, 2 / 2 ** len(differences)) <= p <= 1
    assert sign_flip_p([-d for d in differences]) == p


@given(st.lists(st.integers(-100, 100), min_size=2, max_size=7))
def test_sign_flips_against_scipy(values: list[int]) -> None:
    expected = permutation_test(
        (np.array(values, dtype=np.float64),), np.sum, permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip_p(values) == pytest.approx(min(1.0, expected.pvalue))


def test_twenty_pairs_can_be_enumerated() -> None:
    # All of one size and sign: only the pattern and its opposite are as far. 19 against 1: 21 patterns each way.
    assert sign_flip_p([1.0] * 20) == 2 / 2**20
    assert sign_flip_p([1.0] * 19 + [-1.0]) == 2 * 21 / 2**20


@pytest.mark.parametrize("count", [0, 21])
def test_too_few_or_too_many_pairs(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 20"):
        sign_flip_p([1.0] * count)
