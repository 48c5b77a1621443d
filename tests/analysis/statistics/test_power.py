from __future__ import annotations

import numpy as np
import pytest
from scipy.special import nctdtr, stdtrit

from analysis.statistics.crossed import crossed
from analysis.statistics.intervals import p_value
from analysis.statistics.mean_squares import MeanSquares, UnitVariance, mean_squares
from analysis.statistics.power import detectable, power_of


def design(seed: float, clip: float, rest: float, seeds: int, clips: int) -> MeanSquares:
    """Seeds and clips crossed, with these variance components."""
    values = [np.array(part / seeds) for part in (seed + rest / clips, rest / clips)]
    unit = UnitVariance(values[1], (seeds - 1) * (clips - 1), np.array(clip / clips), clips - 1)
    zero = np.array(0.0)
    return MeanSquares(seeds, clips, None, zero, values[0], (unit,) if clips > 1 else (), zero, share=False)


def size_of(found: MeanSquares, tests: int = 1) -> float:
    known = detectable(found, tests=tests)
    assert known is not None
    return known.size


def test_power_of_students_t() -> None:
    # One clip: the one-sample t test, whose power is the noncentral t distribution's.
    seeds, size = 6, 3.0
    threshold, shift = -stdtrit(5, 0.025), size / np.sqrt(4.0 / 6)
    expected = 1 - nctdtr(5, shift, threshold) + nctdtr(5, shift, -threshold)
    assert power_of(size, design(4.0, 0.0, 0.0, seeds, 1)) == pytest.approx(expected, abs=2e-3)


def test_without_a_difference_power_is_alpha() -> None:
    assert power_of(0.0, design(1.0, 0.0, 0.0, 4, 1), alpha=0.1) == pytest.approx(0.1, abs=2e-3)


@pytest.mark.parametrize("seeds", [3, 8])
@pytest.mark.parametrize("variance", [(9.0, 100.0, 400.0), (0.5, 900.0, 400.0)])
def test_a_detectable_difference_is_found_in_four_of_five_simulated_studies(
    variance: tuple[float, float, float], seeds: int
) -> None:
    clips, studies, tests = 100, 4000, 3
    size = size_of(design(*variance, seeds, clips), tests)
    draw = np.random.default_rng(1)
    values = size + np.sqrt(variance[0]) * draw.standard_normal((studies, seeds, 1))
    values = values + np.sqrt(variance[1]) * draw.standard_normal((studies, 1, clips))
    values = values + np.sqrt(variance[2]) * draw.standard_normal((studies, seeds, clips))
    assert np.mean(p_value(mean_squares(values), 0.0) < 0.05 / tests) == pytest.approx(0.8, abs=0.03)


def test_more_seeds_detect_smaller_differences() -> None:
    sizes = [size_of(design(9.0, 100.0, 400.0, seeds, 180)) for seeds in (2, 3, 6, 12)]
    assert sizes == sorted(sizes, reverse=True)
    assert detectable(None) is None
    assert size_of(design(0.0, 0.0, 0.0, 3, 180)) == 0.0


def test_what_is_detectable_is_as_uncertain_as_the_spread_of_the_seeds() -> None:
    # One clip: detectable is proportional to the standard deviation. With 4 degrees of freedom chi-square has its 2.5%
    # and 97.5% points at 0.484419 and 11.143287, so the standard deviation is uncertain by sqrt(4 / those).
    found = detectable(design(4.0, 0.0, 0.0, 5, 1))
    assert found is not None
    low, high = (end / found.size for end in found.interval)
    assert (low, high) == pytest.approx((np.sqrt(4 / 11.143287), np.sqrt(4 / 0.484419)), rel=1e-4)


def test_equal_answers_do_not_make_every_difference_detectable() -> None:
    # No clip of 180 differs: the interval is +- t(0.975; 179) / 180 = 1.096 points, and less is not found.
    found = crossed(np.zeros((3, 180), dtype=np.int64), scale=100)
    assert found.squares is not None
    size = 100 * size_of(found.squares)
    assert size > 1.096
    # The mean's standard error is 100 / 180 = 0.556 points, and four of five normal draws are above -0.8416.
    assert size == pytest.approx(1.0963 + 0.8416 * 0.5556, abs=2e-3)
    assert power_of(0.005, found.squares) < 0.2
