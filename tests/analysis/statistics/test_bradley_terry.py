"""Bradley-Terry strengths."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import expit

from analysis.statistics.bradley_terry import bradley_terry


def _table(wins: int, raters: int, conditions: int) -> np.ndarray:
    table = np.zeros(raters * conditions, dtype=np.bool_)
    table[:wins] = True
    return np.random.default_rng(wins).permutation(table).reshape(raters, conditions)


def test_one_pair_by_hand() -> None:
    # (30 + 1/2) of (40 + 1) preferences: the logit of the share is the difference of the strengths.
    found = bradley_terry({("a", "b"): _table(30, 4, 10)})
    assert found["a"].value - found["b"].value == pytest.approx(math.log(30.5 / 10.5))
    assert found["a"].value + found["b"].value == pytest.approx(0)


def test_a_method_that_always_wins_stays_finite() -> None:
    found = bradley_terry({("a", "b"): np.ones((5, 20), dtype=np.bool_)})
    assert found["a"].value - found["b"].value == pytest.approx(math.log(100.5 / 0.5))
    assert found["a"].interval is not None
    assert all(map(math.isfinite, found["a"].interval))
    assert found["a"].interval[0] < found["a"].value < found["a"].interval[1]


def test_strengths_sum_to_0_however_far_apart() -> None:
    wins = {"b": 30, "c": 38, "d": 1}
    found = bradley_terry({("a", other): _table(won, 4, 10) for other, won in wins.items()})
    assert sum(one.value for one in found.values()) == pytest.approx(0)
    for other, won in wins.items():
        expected = math.log((won + 0.5) / (40.5 - won))
        assert found["a"].value - found[other].value == pytest.approx(expected)


def test_one_rater_gives_no_interval() -> None:
    assert bradley_terry({("a", "b"): _table(7, 1, 10)})["a"].interval is None


def test_a_circle_of_pairs_is_fitted_by_all_of_them() -> None:
    strength = {"a": 0.7, "b": 0.1, "c": -0.8}
    rng = np.random.default_rng(0)
    answers = {
        (one, other): rng.random((50, 400)) < expit(strength[one] - strength[other])
        for one, other in (("a", "b"), ("b", "c"), ("a", "c"))
    }
    found = bradley_terry(answers)
    assert {name: one.value for name, one in found.items()} == pytest.approx(strength, abs=0.04)


def test_pairs_must_connect_all_methods_and_have_one_shape() -> None:
    with pytest.raises(ValueError, match="connect"):
        bradley_terry({("a", "b"): _table(3, 2, 5), ("c", "d"): _table(3, 2, 5)})
    with pytest.raises(ValueError, match="same raters"):
        bradley_terry({("a", "b"): _table(3, 2, 5), ("a", "c"): _table(3, 2, 6)})


def test_the_interval_covers_the_true_strength() -> None:
    rng, held, studies = np.random.default_rng(1), 0, 300
    strength = {"a": 0.5, "b": 0.0, "c": -0.5}
    for _ in range(studies):
        answers = {("a", other): rng.random((6, 40)) < expit(strength["a"] - strength[other]) for other in ("b", "c")}
        low, high = bradley_terry(answers)["a"].interval or (0, 0)
        held += low <= 0.5 <= high
    assert held / studies >= 0.93
