"""Student's t interval; the crossed interval is tested in test_crossed.py."""

from __future__ import annotations

import pytest

from analysis.statistics.intervals import t_interval


def test_t_interval_of_three_values() -> None:
    # mean 2, s = 1, t(0.975; 2) = 4.302653: 2 -+ 4.302653 / sqrt(3) = 2 -+ 2.484138
    mean, interval = t_interval([1.0, 2.0, 3.0])
    assert mean == 2.0
    assert interval == pytest.approx((2 - 2.484138, 2 + 2.484138), abs=1e-5)


def test_one_value_gives_no_interval() -> None:
    assert t_interval([0.25]) == (0.25, None)


def test_equal_values_give_an_interval_of_zero_width() -> None:
    assert t_interval([0.5, 0.5]) == (0.5, (0.5, 0.5))


def test_no_values() -> None:
    with pytest.raises(ValueError, match="no values"):
        t_interval([])
