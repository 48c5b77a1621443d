from __future__ import annotations

import pytest

from analysis.statistics import mean_interval


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
