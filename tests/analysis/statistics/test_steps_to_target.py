from __future__ import annotations

import pytest

from analysis.statistics.steps_to_target import StepsToTarget, steps_to_target, summarize_steps


def test_linear_between_evaluations() -> None:
    curve = {100: 0.2, 200: 0.6, 300: 0.5, 400: 0.9}
    assert steps_to_target(curve, 0.3) == pytest.approx(125.0)
    assert steps_to_target(curve, 0.6) == 200.0
    assert steps_to_target(curve, 0.7) == pytest.approx(350.0)
    assert steps_to_target(curve, 0.1) == 100.0
    assert steps_to_target(curve, 0.95) is None
    assert steps_to_target({}, 0.5) is None


def test_evaluations_in_any_order() -> None:
    assert steps_to_target({400: 0.9, 100: 0.2, 300: 0.5, 200: 0.6}, 0.3) == pytest.approx(125.0)


@pytest.mark.parametrize(
    ("steps", "reached", "median", "fastest", "slowest"),
    [
        ([300.0, None, 100.0], 2, 300.0, 100.0, None),
        ([None, None, 100.0], 1, None, 100.0, None),
        ([None, 100.0], 1, None, 100.0, None),
        ([200.0, 100.0], 2, 150.0, 100.0, 200.0),
        ([None], 0, None, None, None),
    ],
)
def test_seeds_that_do_not_reach_the_target_count_as_later(
    steps: list[float | None], reached: int, median: float | None, fastest: float | None, slowest: float | None
) -> None:
    assert summarize_steps(steps) == StepsToTarget(len(steps), reached, median, fastest, slowest)


def test_no_seeds() -> None:
    with pytest.raises(ValueError, match="no seeds"):
        summarize_steps([])
