"""Intervals and tests have the same level, and the texts name it."""

from __future__ import annotations

import pytest

from analysis.statistics.levels import ALPHA, CONFIDENCE, INTERVAL


def test_intervals_and_tests_have_the_same_level() -> None:
    assert pytest.approx(1 - CONFIDENCE) == ALPHA
    assert INTERVAL == "95% interval"  # the JSON key `ci95` says so too
