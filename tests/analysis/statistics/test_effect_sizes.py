from __future__ import annotations

import math

import pytest

from analysis.statistics.effect_sizes import cohens_h, hedges_g


def test_cohens_h() -> None:
    assert cohens_h(1.0, 0.0) == pytest.approx(math.pi)
    assert cohens_h(0.5, 0.25) == pytest.approx(math.pi / 2 - math.pi / 3)  # 2 asin(sqrt 1/2), 2 asin(1/2)
    assert cohens_h(0.3, 0.3) == 0.0
    with pytest.raises(ValueError, match="0 to 1"):
        cohens_h(91.0, 0.5)


def test_hedges_g() -> None:
    # Mean 2, s = 1; with two degrees of freedom the factor is gamma(1) / (sqrt(1) gamma(1/2)) = 1 / sqrt(pi).
    assert hedges_g([1.0, 2.0, 3.0]) == pytest.approx(2 / math.sqrt(math.pi))
    assert math.isnan(hedges_g([0.1, 0.1, 0.1]))
    assert math.isnan(hedges_g([1.0, 2.0]))
    with pytest.raises(ValueError, match="at least 2"):
        hedges_g([1.0])
