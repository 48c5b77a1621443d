from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import TrialState

from amc.config import natops
from analysis.record.rows import TrialRow
from analysis.record.states import COMPLETE, PRUNED, RUNNING
from tests.tuning.toy_rows import trial_row
from tuning.search.default_space import search_space
from tuning.search.extrapolation import extrapolated
from tuning.search.samplers import SearchHistory
from tuning.search.samplers.tpe import TPESampler, good_count

BASE = natops("smoke")
SPACE = search_space(BASE)
Curves = dict[str, dict[int, float]]


def search(*rows: tuple[str, dict[int, float]]) -> tuple[list[TrialRow], Curves]:
    """Trials by state and curve; each stands at its last step."""
    trials = [
        trial_row(BASE, number, params=SPACE.default(), state=state, step=max(curve), value=curve[max(curve)])
        for number, (state, curve) in enumerate(rows)
    ]
    return trials, {trial.key: curve for trial, (_, curve) in zip(trials, rows, strict=True)}


COMPLETES = [
    (COMPLETE, {5: 0.1, 10: 0.3, 20: 0.5}),
    (COMPLETE, {5: 0.2, 10: 0.4, 20: 0.7}),
    (COMPLETE, {5: 0.1, 10: 0.2, 20: 0.6}),
]


def test_by_hand() -> None:
    """From step 10 on the complete ones rose by 0.2, 0.3 and 0.4; from 5 on those, and 0.35 + 0.3 - 0.15, by 0.5."""
    trials, curves = search(*COMPLETES, (PRUNED, {5: 0.15, 10: 0.35}), (PRUNED, {5: 0.05}), (RUNNING, {5: 0.9}))
    assert extrapolated(trials, curves) == pytest.approx({"trial-0003": 0.65, "trial-0004": 0.55})


def test_too_few_went_further() -> None:
    trials, curves = search(*COMPLETES[:2], (PRUNED, {5: 0.1, 10: 0.2}), (PRUNED, {5: 0.1}))
    assert extrapolated(trials, curves) == {}
    # At a step that those who went further never reported, nothing is known either.
    trials, curves = search(*COMPLETES, (PRUNED, {7: 0.1}))
    assert extrapolated(trials, curves) == {}


def test_values_that_are_no_numbers_take_no_part() -> None:
    nan = math.nan
    trials, curves = search(*COMPLETES[:2], (COMPLETE, {5: nan, 20: 0.6}), (PRUNED, {5: 0.1}), (PRUNED, {5: nan}))
    assert extrapolated(trials, curves) == {}


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=6), st.floats(-5, 5), st.floats(0.1, 3))
def test_order_within_a_step_is_kept_and_shifts_carry_over(values: list[float], shift: float, rise: float) -> None:
    """Whoever was better where both were stopped is forecast better; a shift of all values shifts all extrapolated."""

    def found(by: float) -> list[float]:
        completes = [(COMPLETE, {5: v + by, 20: v + by + rise}) for v in (0.0, 0.1, 0.2)]
        trials, curves = search(*completes, *[(PRUNED, {5: value + by}) for value in values])
        return list(extrapolated(trials, curves).values())

    assert found(0.0) == pytest.approx([value + rise for value in values])
    assert found(shift) == pytest.approx([value + shift for value in found(0.0)], abs=1e-9)


def test_tpe_is_told_forecasts() -> None:
    trials, curves = search(*COMPLETES, (PRUNED, {5: 0.15, 10: 0.35}))
    converted = TPESampler(SPACE, 0).to_optuna(trials[3], SearchHistory(trials, curves))
    assert (converted.state, converted.value) == (TrialState.COMPLETE, pytest.approx(0.65))


def test_how_many_are_good() -> None:
    """Half of n^(2/3) in 2 dimensions, of n^(1/2) in 4, of n^(1/5) in 16."""
    assert [good_count(count, 2) for count in (1, 10, 30, 70, 1000)] == [1, 3, 5, 9, 25]
    assert [good_count(count, 4) for count in (1, 15, 17, 99)] == [1, 2, 3, 5]
    assert [good_count(count, 16) for count in (1, 30, 35, 1000)] == [1, 1, 2, 2]
