"""Krippendorff's alpha."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.statistics.krippendorff import krippendorff_alpha


def test_two_raters_by_hand() -> None:
    # 4 of 10 pairs disagree; 14 zeros and 6 ones in all: 1 - 19 x 4 / (14 x 6).
    units = list(zip("0100000000", "1110010010", strict=True))
    assert krippendorff_alpha(units) == pytest.approx(1 - 76 / 84)


def test_several_raters_with_missing_answers() -> None:
    # Krippendorff (2011), example C: nominal, four observers, alpha 0.743.
    table = [
        [1, 1, None, 1],
        [2, 2, 3, 2],
        [3, 3, 3, 3],
        [3, 3, 3, 3],
        [2, 2, 2, 2],
        [1, 2, 3, 4],
        [4, 4, 4, 4],
        [1, 1, 2, 1],
        [2, 2, 2, 2],
        [None, 5, 5, 5],
        [None, None, 1, 1],
        [None, 3, None, None],
    ]
    units = [[answer for answer in unit if answer is not None] for unit in table]
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=5e-4)


def test_perfect_agreement_chance_and_nothing_to_compare() -> None:
    assert krippendorff_alpha([("a", "a", "a"), ("b", "b", "b")]) == 1
    answers = np.random.default_rng(0).integers(2, size=(4000, 5)).tolist()
    assert krippendorff_alpha(answers) == pytest.approx(0, abs=0.02)
    assert krippendorff_alpha([("a", "a")]) is None
    assert krippendorff_alpha([("a",), ("b",)]) is None


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=2, max_size=5), min_size=1, max_size=10))
def test_names_and_order_do_not_matter(units: list[list[str]]) -> None:
    renamed = [[answer.upper() for answer in reversed(unit)] for unit in reversed(units)]
    assert krippendorff_alpha(units) == pytest.approx(krippendorff_alpha(renamed))
