from __future__ import annotations

import numpy as np
import pytest
from scipy.special import nctdtr, stdtrit

from analysis.statistics import Spread, cannot_show, crossed, detectable, power_of
from analysis.statistics.mean_squares import level, table


def test_power_of_students_t() -> None:
    # One clip: the one-sample t test, whose power is the noncentral t distribution's.
    spread, seeds, size = Spread(4.0, 0.0, 0.0), 6, 3.0
    threshold, shift = -stdtrit(5, 0.025), size / np.sqrt(4.0 / 6)
    expected = 1 - nctdtr(5, shift, threshold) + nctdtr(5, shift, -threshold)
    assert power_of(size, spread, seeds, 1) == pytest.approx(expected, abs=2e-3)


def test_without_a_difference_power_is_the_level() -> None:
    assert power_of(0.0, Spread(1.0, 0.0, 0.0), 4, 1, alpha=0.1) == pytest.approx(0.1, abs=2e-3)


@pytest.mark.parametrize("seeds", [3, 8])
@pytest.mark.parametrize("spread", [Spread(9.0, 100.0, 400.0), Spread(0.5, 900.0, 400.0)])
def test_a_detectable_difference_is_found_in_four_of_five_simulated_studies(spread: Spread, seeds: int) -> None:
    clips, studies, tests = 100, 4000, 3
    size = detectable(spread, seeds, clips, tests=tests)
    assert size is not None
    draw = np.random.default_rng(1)
    values = size + np.sqrt(spread.seed) * draw.standard_normal((studies, seeds, 1))
    values = values + np.sqrt(spread.clip) * draw.standard_normal((studies, 1, clips))
    values = values + np.sqrt(spread.rest) * draw.standard_normal((studies, seeds, clips))
    assert np.mean(level(table(values), 0.0) < 0.05 / tests) == pytest.approx(0.8, abs=0.03)


def test_more_seeds_show_less() -> None:
    sizes = [detectable(Spread(9.0, 100.0, 400.0), seeds, 180) for seeds in (2, 3, 6, 12)]
    assert sizes == sorted(sizes, key=lambda size: -(size or 0))
    assert detectable(None, 1, 180) is None
    assert detectable(Spread(0.0, 0.0, 0.0), 3, 180) == 0.0


def test_what_seeds_cannot_show_in_a_sentence() -> None:
    draw = np.random.default_rng(0)
    found = [crossed(draw.normal(0, spread, (3, 50))) for spread in (1.0, 5.0)]
    said = cannot_show(found)
    low, high = sorted(detectable(one.spread, 3, 50, tests=2) or 0.0 for one in found)
    assert said.startswith(f"With 3 seeds a true difference below {low:.1f} to {high:.1f} points would be missed")
    assert "over 2 arms" in said
    assert "does not mean equal" in said
    assert cannot_show([crossed([[1.0, 2.0]])]).startswith("With one seed")
    with pytest.raises(ValueError, match="no differences"):
        cannot_show([])


def test_a_table_without_spread_still_cannot_show_everything() -> None:
    # No clip of 180 differs: the interval is +- t(0.975; 179) / 180 = 1.096 points, and less is not found.
    found = crossed(np.zeros((3, 180), dtype=np.int64), scale=100)
    assert found.spread is not None
    size = detectable(found.spread, 3, 180)
    assert size is not None
    assert size > 1.096
    # The mean's standard error is 100 / 180 = 0.556 points, and four of five normal draws are above -0.8416.
    assert size == pytest.approx(1.0963 + 0.8416 * 0.5556, abs=2e-3)
    assert power_of(0.5, found.spread, 3, 180) < 0.2
    assert "below 0.0" not in cannot_show([found])
