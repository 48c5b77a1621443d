from __future__ import annotations

import numpy as np
import pytest
from scipy.special import nctdtr, stdtrit

from analysis.statistics.crossed import VarianceComponents, crossed
from analysis.statistics.intervals import p_value
from analysis.statistics.mean_squares import mean_squares
from analysis.statistics.power import detectable, power_of


def test_power_of_students_t() -> None:
    # One clip: the one-sample t test, whose power is the noncentral t distribution's.
    variance, seeds, size = VarianceComponents(4.0, 0.0, 0.0), 6, 3.0
    threshold, shift = -stdtrit(5, 0.025), size / np.sqrt(4.0 / 6)
    expected = 1 - nctdtr(5, shift, threshold) + nctdtr(5, shift, -threshold)
    assert power_of(size, variance, seeds, 1) == pytest.approx(expected, abs=2e-3)


def test_without_a_difference_power_is_alpha() -> None:
    assert power_of(0.0, VarianceComponents(1.0, 0.0, 0.0), 4, 1, alpha=0.1) == pytest.approx(0.1, abs=2e-3)


@pytest.mark.parametrize("seeds", [3, 8])
@pytest.mark.parametrize("variance", [VarianceComponents(9.0, 100.0, 400.0), VarianceComponents(0.5, 900.0, 400.0)])
def test_a_detectable_difference_is_found_in_four_of_five_simulated_studies(
    variance: VarianceComponents, seeds: int
) -> None:
    clips, studies, tests = 100, 4000, 3
    size = detectable(variance, seeds, clips, tests=tests)
    assert size is not None
    draw = np.random.default_rng(1)
    values = size + np.sqrt(variance.seed) * draw.standard_normal((studies, seeds, 1))
    values = values + np.sqrt(variance.clip) * draw.standard_normal((studies, 1, clips))
    values = values + np.sqrt(variance.rest) * draw.standard_normal((studies, seeds, clips))
    assert np.mean(p_value(mean_squares(values), 0.0) < 0.05 / tests) == pytest.approx(0.8, abs=0.03)


def test_more_seeds_detect_smaller_differences() -> None:
    sizes = [detectable(VarianceComponents(9.0, 100.0, 400.0), seeds, 180) for seeds in (2, 3, 6, 12)]
    assert sizes == sorted(sizes, key=lambda size: -(size or 0))
    assert detectable(None, 1, 180) is None
    assert detectable(VarianceComponents(0.0, 0.0, 0.0), 3, 180) == 0.0


def test_equal_answers_do_not_make_every_difference_detectable() -> None:
    # No clip of 180 differs: the interval is +- t(0.975; 179) / 180 = 1.096 points, and less is not found.
    found = crossed(np.zeros((3, 180), dtype=np.int64), scale=100)
    assert found.variance is not None
    size = detectable(found.variance, 3, 180)
    assert size is not None
    assert size > 1.096
    # The mean's standard error is 100 / 180 = 0.556 points, and four of five normal draws are above -0.8416.
    assert size == pytest.approx(1.0963 + 0.8416 * 0.5556, abs=2e-3)
    assert power_of(0.5, found.variance, 3, 180) < 0.2
