from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_ind

from analysis.statistics.mean_squares import mean_squares
from analysis.statistics.welch import welch


def test_one_value_per_run_is_welchs_test() -> None:
    first, second = np.array([[1.0], [2.0], [4.0]]), np.array([[2.0], [2.5], [3.0], [9.0]])
    found = welch(mean_squares(first), mean_squares(second), scale=2)
    expected = ttest_ind(first[:, 0], second[:, 0], equal_var=False)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.freedom == pytest.approx(expected.df)
    held = expected.confidence_interval(0.95)
    assert found.interval == pytest.approx((2 * held.low, 2 * held.high))


def test_runs_that_are_all_right_are_not_certainly_equal() -> None:
    squares = mean_squares(np.ones((3, 10), dtype=np.bool_))
    found = welch(squares, squares)
    # Each mean has a variance of at least 1 / 10^2; t(0.975; 4) = 2.776445.
    assert found.p == 1.0
    assert found.interval == pytest.approx((-2.776445 * np.sqrt(0.02), 2.776445 * np.sqrt(0.02)), abs=1e-5)


def test_numbers_without_any_spread() -> None:
    one, other = (mean_squares(np.full((2, 1), value)) for value in (0.5, 0.75))
    assert (welch(one, other).p, welch(one, one).p) == (0.0, 1.0)
