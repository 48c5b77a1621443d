from __future__ import annotations

import pytest

from analysis.statistics import Reached, reached, steps_to


def test_linear_between_looks() -> None:
    curve = {100: 0.2, 200: 0.6, 300: 0.5, 400: 0.9}
    assert steps_to(curve, 0.3) == pytest.approx(125.0)
    assert steps_to(curve, 0.6) == 200.0
    assert steps_to(curve, 0.7) == pytest.approx(350.0)
    assert steps_to(curve, 0.1) == 100.0
    assert steps_to(curve, 0.95) is None
    assert steps_to({}, 0.5) is None


def test_looks_in_any_order() -> None:
    assert steps_to({400: 0.9, 100: 0.2, 300: 0.5, 200: 0.6}, 0.3) == pytest.approx(125.0)


def test_seeds_that_do_not_reach_it_count_as_later() -> None:
    assert reached([300.0, None, 100.0]) == Reached(seeds=3, reached=2, median=300.0, fastest=100.0, slowest=None)
    assert reached([None, None, 100.0]) == Reached(seeds=3, reached=1, median=None, fastest=100.0, slowest=None)
    assert reached([None, 100.0]) == Reached(seeds=2, reached=1, median=None, fastest=100.0, slowest=None)
    assert reached([200.0, 100.0]) == Reached(seeds=2, reached=2, median=150.0, fastest=100.0, slowest=200.0)
    assert reached([None]) == Reached(seeds=1, reached=0, median=None, fastest=None, slowest=None)
    with pytest.raises(ValueError, match="no seeds"):
        reached([])
