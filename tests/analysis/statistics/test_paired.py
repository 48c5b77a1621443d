from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import permutation_test, ttest_rel, wilcoxon

from analysis.statistics import cohens_h, hedges_g, paired, sign_flip_p, signed_rank_p

different = st.lists(st.integers(1, 1000), min_size=2, max_size=8, unique=True)


def test_one_clip_is_the_paired_t_test() -> None:
    first, second = np.array([[0.9], [0.8], [0.85], [0.7]]), np.array([[0.7], [0.75], [0.6], [0.65]])
    assert paired(first, second).difference.p == pytest.approx(ttest_rel(first, second).pvalue[0], rel=1e-6)


def test_right_and_wrong_answers() -> None:
    first = np.array([[True, True, False, True], [True, True, True, True]])
    second = np.array([[True, False, False, False], [False, True, False, False]])
    found = paired(first, second, scale=100)
    assert found.difference.seed_means == (50.0, 75.0)
    assert found.difference.mean == 62.5
    assert found.h == pytest.approx(cohens_h(7 / 8, 2 / 8))
    assert (found.sign_flip, found.signed_rank, found.floor) == (0.5, 0.5, 0.5)
    assert found.g is None  # two pairs
    turned = paired(second, first, scale=100)
    assert turned.difference.mean == -62.5
    assert turned.difference.p == pytest.approx(found.difference.p)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="the same seeds and clips"):
        paired(np.zeros((2, 3)), np.zeros((3, 3)))


@given(different, st.integers(0, 255))
def test_signed_ranks_against_scipy(sizes: list[int], signs: int) -> None:
    values = [size if signs >> i & 1 else -size for i, size in enumerate(sizes)]
    assert signed_rank_p(values) == pytest.approx(wilcoxon(values, method="exact").pvalue)


def test_signed_ranks_that_tie() -> None:
    # Ranks of 1, 1, 2 are 1.5, 1.5, 3; sums of the sign patterns: +-6, +-3 (twice), 0 (twice). Here 1.5 - 1.5 + 3 = 3.
    assert signed_rank_p([1.0, -1.0, 2.0]) == 6 / 8
    assert signed_rank_p([1.0, 1.0, 2.0]) == 2 / 8


@given(st.lists(st.integers(-100, 100), min_size=2, max_size=7))
def test_sign_flips_against_scipy(values: list[int]) -> None:
    expected = permutation_test(
        (np.array(values, dtype=np.float64),), np.sum, permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip_p(values) == pytest.approx(min(1.0, expected.pvalue))


def test_cohens_h() -> None:
    assert cohens_h(1.0, 0.0) == pytest.approx(math.pi)
    assert cohens_h(0.5, 0.25) == pytest.approx(math.pi / 2 - math.pi / 3)  # 2 asin(sqrt 1/2), 2 asin(1/2)
    assert cohens_h(0.3, 0.3) == 0.0
    with pytest.raises(ValueError, match="0 to 1"):
        cohens_h(91.0, 0.5)


def test_hedges_g() -> None:
    # Mean 2, s = 1; with two degrees of freedom the factor is gamma(1) / (sqrt(1) gamma(1/2)) = 1 / sqrt(pi).
    assert hedges_g([1.0, 2.0, 3.0]) == pytest.approx(2 / math.sqrt(math.pi))
    assert math.isnan(hedges_g([0.1, 0.1, 0.1]))
    assert math.isnan(hedges_g([1.0, 2.0]))
    with pytest.raises(ValueError, match="two or more"):
        hedges_g([1.0])
