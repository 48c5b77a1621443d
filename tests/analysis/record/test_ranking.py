"""Non-dominated sorting and the order that everything else is built on, by hand and as laws."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amc.config import natops
from analysis.record.ranking import best, epsilon_net, fronts, ordered, pareto, places, ranked
from analysis.record.rows import Score
from analysis.record.states import COMPLETE, PRUNED
from tests.tuning.toy_rows import trial_row
from tuning.search.pruners.base import SuccessiveHalving, step_at_rung

BASE = natops("smoke")
METRICS = ("val/accuracy", "val/appearance")

#   appearance
#   0.9  a
#   0.7      b   e(dominated by b)
#   0.5          c
#   0.1              d
POINTS = {"a": (0.1, 0.9), "b": (0.4, 0.7), "c": (0.6, 0.5), "d": (0.9, 0.1), "e": (0.3, 0.7), "f": (0.3, 0.1)}


def test_fronts_by_hand() -> None:
    found = [{name for name, point in POINTS.items() if point in front} for front in fronts(list(POINTS.values()))]
    # e is no better than b anywhere; f is behind e, too.
    assert found == [{"a", "b", "c", "d"}, {"e"}, {"f"}]


def test_epsilon_net_by_hand() -> None:
    """First d (best accuracy); a is farthest from it (1.13); then b: 0.36 from a, c is nearer to d (0.5 > 0.36)."""
    order = epsilon_net([POINTS[name] for name in "abcd"])
    # Distances: c to d 0.5, to a 0.64, so 0.5; b to a 0.36, to d 0.78, so 0.36: c before b.
    assert order == [POINTS[name] for name in "dacb"]


def test_places_share_and_infeasible_ones_are_last() -> None:
    scores = [
        Score((0.9, 0.9), 0.5),
        Score((0.1, 0.9)),
        Score((0.9, 0.1)),
        Score((0.9, 0.1)),
        Score((0.0, 0.0), 0.1),
        Score((0.0, 0.0)),
    ]
    assert places(scores) == [5, 2, 0, 0, 4, 3]


values = st.floats(0, 1).map(lambda value: round(value, 1))
scores = st.builds(
    lambda pair, violation: Score(pair, violation),
    st.tuples(values, values),
    st.sampled_from([0.0, 0.0, 0.2, math.inf]),
)


@given(st.lists(values, min_size=1, max_size=30))
def test_with_one_objective_the_place_is_the_number_of_larger_values(found: list[float]) -> None:
    assert places([Score((value,)) for value in found]) == [sum(other > value for other in found) for value in found]


@given(st.lists(scores, max_size=30))
def test_feasible_comes_first_and_no_one_before_whoever_dominates_it(found: list[Score]) -> None:
    place = places(found)
    for one, mine in zip(found, place, strict=True):
        for other, its in zip(found, place, strict=True):
            assert (one == other) == (mine == its) or one == other
            if one.violation < other.violation:
                assert mine < its
            elif one.violation == other.violation and one != other:
                no_worse = all(a >= b for a, b in zip(one.values, other.values, strict=True))
                assert not no_worse or mine < its
    assert sorted(set(ordered(found)), key=repr) == sorted(set(found), key=repr)


def old_rule(key: str, step: int, rung: int, curves: dict[str, dict[int, float]], eta: int = 3) -> bool:
    """Successive halving on one value, as it was before there were several."""
    if step_at_rung(curves[key], rung) != step:
        return False
    others = [other[at] for other in curves.values() if (at := step_at_rung(other, rung)) is not None]
    others = sorted((score for score in others if score == score), reverse=True)
    allowed = max(1, len(others) // eta)
    return not others or not curves[key][step] >= others[min(allowed, len(others)) - 1]


@given(
    st.lists(
        st.dictionaries(st.sampled_from([5, 10, 15]), values | st.just(math.nan), min_size=1), min_size=1, max_size=25
    )
)
def test_with_one_objective_halving_is_the_old_rule(found: list[dict[int, float]]) -> None:
    curves = {f"t{index}": dict(sorted(curve.items())) for index, curve in enumerate(found)}
    judged = {key: {step: Score((value,)) for step, value in curve.items()} for key, curve in curves.items()}
    for key, curve in curves.items():
        for step in curve:
            assert SuccessiveHalving((10,)).should_prune(key, step, judged) == old_rule(key, step, 10, curves)


def test_a_rung_with_two_objectives_by_hand() -> None:
    """Of six at the rung two go on: d and a, the ends of the front."""
    curves = {name: {10: Score(point)} for name, point in POINTS.items()}
    assert [name for name in curves if not SuccessiveHalving((10,)).should_prune(name, 10, curves)] == ["a", "d"]
    against = {name: {10: Score(point, 1.0 if name in "ad" else 0.0)} for name, point in POINTS.items()}
    assert [name for name in curves if not SuccessiveHalving((10,)).should_prune(name, 10, against)] == ["b", "c"]
    unknown = {**curves, "d": {10: Score((0.9, math.nan))}}
    assert SuccessiveHalving((10,)).should_prune("d", 10, unknown)


def row(number: int, *found: float | None, **rest: object) -> object:
    values = dict(zip(METRICS, found, strict=False))
    return trial_row(BASE, number, **{"state": COMPLETE, "step": 20, "value": found[0], "values": values, **rest})


def test_the_best_the_front_and_the_order_of_trials() -> None:
    rows = [
        row(0, 0.5, 0.5),
        row(1, 0.9, 0.1),
        row(2, 0.9, 0.3),
        row(3, 0.2, 0.8),
        row(4, 0.95, 0.9, violation=0.5),
        row(5, 0.99, 0.9, state=PRUNED, step=10),
        row(6, 0.4, 0.4, violation=0.0),
        row(7, 0.99, None),
        row(8, 0.9, 0.3),
    ]
    found = best(rows)  # type: ignore[arg-type]
    assert found is not None
    assert found.number == 2
    assert [trial.number for trial in pareto(rows)] == [2, 8, 0, 3]  # type: ignore[arg-type]
    # Front 2 (=8), 3, 0; then 1 and 6; then what was stopped early; then what violates. 7 was never scored.
    assert [trial.number for trial in ranked(rows)] == [2, 8, 3, 0, 1, 6, 5, 4]  # type: ignore[arg-type]
    assert best([row(0, 0.5, 0.5, violation=0.1)]) is None  # type: ignore[list-item]
    assert pareto([]) == []


@pytest.mark.parametrize("count", [0, 1, 200])
def test_any_number_of_scores(count: int) -> None:
    assert places([Score((index / 10, -index / 10)) for index in range(count)]).count(0) == min(count, 1)
