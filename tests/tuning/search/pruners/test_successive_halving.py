from __future__ import annotations

from analysis.record.rows import Score
from tuning.search.pruners import SuccessiveHalving, create_pruner
from tuning.search.pruners.base import geometric_rungs, step_at_rung


def judged(curves: dict[str, dict[int, float]]) -> dict[str, dict[int, Score]]:
    """Curves of one objective, without constraints."""
    return {key: {step: Score((value,)) for step, value in curve.items()} for key, curve in curves.items()}


def test_rungs_are_geometric_and_end_before_the_budget() -> None:
    assert geometric_rungs(100, 800) == (100, 300)
    assert geometric_rungs(10, 40) == (10, 30)
    assert geometric_rungs(10, 30) == (10,)
    assert geometric_rungs(10, 10) == ()


def test_a_trial_stands_on_a_rung_with_its_first_report_there_or_beyond() -> None:
    curve = {5: 0.1, 12: 0.2, 40: 0.3}
    assert [step_at_rung(curve, rung) for rung in (5, 6, 12, 13, 41)] == [5, 12, 12, 40, None]


def test_halving_by_hand() -> None:
    """One rung at 10, eta 3: of n at the rung max(1, n // 3) go on."""
    rungs = SuccessiveHalving((10,))
    curves: dict[str, dict[int, float]] = {}
    decisions = []
    for key, score in [("a", 0.5), ("b", 0.4), ("c", 0.6), ("d", 0.5), ("e", 0.45), ("f", 0.55)]:
        curves[key] = {10: score}
        decisions.append(rungs.should_prune(key, 10, judged(curves)))
    # a alone; b below a; c the best of 3; d below c; e below; f second of 6, and 6 // 3 = 2 go on.
    assert decisions == [False, True, False, True, True, False]


def test_ties_with_the_last_that_goes_on_go_on() -> None:
    curves = {"a": {10: 0.5}, "b": {10: 0.5}, "c": {10: 0.5}}
    assert not any(SuccessiveHalving((10,)).should_prune(key, 10, judged(curves)) for key in curves)


def test_only_the_report_that_reaches_a_rung_is_judged() -> None:
    curves = {"a": {10: 0.9, 20: 0.9}, "b": {10: 0.1, 20: 0.1}}
    assert SuccessiveHalving((10,)).should_prune("b", 10, judged(curves))
    assert not SuccessiveHalving((10,)).should_prune("b", 20, judged(curves))


def test_a_value_that_is_no_number_does_not_go_on() -> None:
    nan = float("nan")
    assert SuccessiveHalving((10,)).should_prune("a", 10, judged({"a": {10: nan}}))
    assert not SuccessiveHalving((10,)).should_prune("b", 10, judged({"a": {10: nan}, "b": {10: 0.0}}))


def test_halving_ends_no_trial_at_its_budget() -> None:
    halving = create_pruner("halving", 40, 10)
    curves = {"a": {40: 0.9}, "b": {10: 0.1, 20: 0.1, 30: 0.95, 40: 0.1}}
    numbers = {"a": 0, "b": 1}
    assert not halving.should_prune("b", 40, judged(curves), numbers)
    assert not create_pruner("none", 40, 10).should_prune("b", 10, judged(curves), numbers)
