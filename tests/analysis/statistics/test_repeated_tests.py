from __future__ import annotations

import pytest

from analysis.statistics.repeated_tests import repeated_tests


def test_one_test_has_the_error_it_claims() -> None:
    found = repeated_tests([5])
    assert (found.error, found.level) == (pytest.approx(0.05, abs=0.004), pytest.approx(0.05, abs=0.004))


def test_two_equally_spaced_tests_of_many_seeds_are_pococks() -> None:
    # Pocock 1977, table 1: with normal responses, 0.083 and a level of 0.0294.
    found = repeated_tests([40, 80])
    assert (found.error, found.level) == (pytest.approx(0.083, abs=0.006), pytest.approx(0.0294, abs=0.003))


@pytest.mark.parametrize("seeds", [[], [1, 3]])
def test_fewer_than_two_seeds(seeds: list[int]) -> None:
    with pytest.raises(ValueError, match="at least 2"):
        repeated_tests(seeds)
