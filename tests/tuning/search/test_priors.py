"""Priors as densities over the unit interval."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amc.config import natops
from tuning.search.priors import joint_log_density, log_density, quantile, share_below
from tuning.search.samplers import SearchHistory, create_sampler
from tuning.search.space import CONFIDENCES, Confidence, Parameter, checked_space

BASE = natops("smoke")

confidences = st.sampled_from(CONFIDENCES)


@st.composite
def parameters(draw: st.DrawFn) -> Parameter:
    """A parameter of any kind with a prior anywhere in its range."""
    confidence = draw(confidences)
    kind = draw(st.sampled_from(("float", "log", "int", "categorical", "bool")))
    if kind == "categorical":
        choices = tuple(range(draw(st.integers(2, 5))))
        return Parameter("x", kind, choices=choices, prior=draw(st.sampled_from(choices)), confidence=confidence)
    if kind == "bool":
        return Parameter("x", kind, choices=(False, True), prior=draw(st.floats(0.1, 0.9)))
    if kind == "int":
        return Parameter("x", kind, 2, 9, prior=draw(st.integers(2, 9)), confidence=confidence)
    return Parameter("x", kind, 0.5, 40.0, prior=draw(st.floats(0.5, 40.0)), confidence=confidence)  # type: ignore[arg-type]


@given(parameters())
def test_a_density_integrates_to_one(row: Parameter) -> None:
    count = 60_000  # divisible by 2 to 5, so that no cell crosses the end of a choice
    middles = (np.arange(count) + 0.5) / count
    assert np.exp(log_density(row, middles)).mean() == pytest.approx(1, abs=1e-6)


@given(parameters(), st.floats(0, 1))
def test_the_share_below_a_position_is_the_integral_of_the_density(row: Parameter, unit: float) -> None:
    middles = unit * (np.arange(60_000) + 0.5) / 60_000
    assert share_below(row, unit) == pytest.approx(unit * np.exp(log_density(row, middles)).mean(), abs=1e-4)


@given(parameters(), st.floats(0, 1))
def test_draws_are_in_range_and_go_back_to_their_share(row: Parameter, share: float) -> None:
    unit = quantile(row, share)
    assert 0 <= unit <= 1
    assert share_below(row, unit) == pytest.approx(share, abs=1e-9)
    assert row.contains(row.from_unit(unit))


@given(parameters())
def test_no_position_is_less_likely_than_the_uniform_share_allows(row: Parameter) -> None:
    assert log_density(row, np.linspace(0, 1, 201)).min() >= math.log(0.2) - 1e-9


def test_the_density_of_a_range_by_hand() -> None:
    # Log range 1 to 100, prior 10: the middle. Standard deviation 0.12: nothing is cut off that matters.
    row = Parameter("x", "log", 1.0, 100.0, prior=10.0)
    at_peak = math.log(0.2 + 0.8 / (0.12 * math.sqrt(2 * math.pi)))
    one_away = math.log(0.2 + 0.8 * math.exp(-0.5) / (0.12 * math.sqrt(2 * math.pi)))
    units = np.array([row.to_unit(10.0), 0.5 + 0.12, 0.5 - 0.12])
    assert log_density(row, units) == pytest.approx([at_peak, one_away, one_away], abs=1e-4)
    # At an end half of the normal density is cut off, so the rest is twice as high.
    at_end = Parameter("x", "float", 0.0, 1.0, prior=0.0, confidence="high")
    peak = math.log(0.2 + 2 * 0.8 / (0.06 * math.sqrt(2 * math.pi)))
    assert log_density(at_end, np.zeros(1)) == pytest.approx([peak])


def test_the_density_of_choices_by_hand() -> None:
    # High confidence: 3 of 4 draws are the prior choice, the fourth is any of the three.
    row = Parameter("x", "categorical", choices=("a", "b", "c"), prior="b", confidence="high")
    found = np.exp(log_density(row, np.array([0.1, 0.5, 0.9])))
    assert found == pytest.approx([0.25, 2.5, 0.25])
    drawn = [row.from_unit(quantile(row, (index + 0.5) / 1200)) for index in range(1200)]
    assert [drawn.count(choice) for choice in "abc"] == [100, 1000, 100]


def test_more_confidence_is_a_higher_peak() -> None:
    def peak(confidence: Confidence) -> float:
        return float(log_density(Parameter("x", "float", 0, 1, prior=0.5, confidence=confidence), np.array([0.5]))[0])

    assert peak("low") < peak("medium") < peak("high")


def test_without_a_prior_all_is_equal() -> None:
    rows = [
        Parameter("x", "float", 0.0, 1.0),
        Parameter("y", "float", 0.0, 1.0, prior=0.2),
        Parameter("z", "bool", choices=(False, True), prior=0.9),
    ]
    points = np.array([[0.1, 0.2, 0.3], [0.7, 0.9, 0.99]])
    active = np.array([[True, True, True], [True, False, True]])
    assert joint_log_density(rows, points, active) == pytest.approx([float(log_density(rows[1], points[0, 1])), 0])
    assert quantile(rows[0], 0.3) == 0.3


def test_the_second_trial_has_the_values_of_the_priors() -> None:
    rank = Parameter("weights.rank", "log", 1.0, 1000.0, prior=30.0)
    space = checked_space(BASE, [rank, Parameter("weights.gan", "log", 0.1, 10.0)], {})
    points = [space.starting_point(number) for number in range(3)]
    assert points == [
        {"weights.rank": 100.0, "weights.gan": 1.0},
        {"weights.rank": 30.0, "weights.gan": 1.0},
        None,
    ]
    same = checked_space(BASE, [Parameter("weights.rank", "log", 1.0, 1000.0, prior=100.0)], {})
    assert [same.starting_point(number) for number in range(2)] == [{"weights.rank": 100.0}, None]
    assert space.to_dict()["parameters"]["weights.rank"] == {
        "kind": "log",
        "when": [],
        "low": 1.0,
        "high": 1000.0,
        "prior": 30.0,
        "confidence": "medium",
    }


@pytest.mark.parametrize("name", ["random", "tpe"])
def test_even_trials_are_drawn_from_the_priors_and_odd_ones_from_the_whole_space(name: str) -> None:
    row = Parameter("weights.rank", "float", 0.0, 1000.0, prior=900.0, confidence="high")
    space = checked_space(BASE, [row], {})
    numbers = range(2, 202)
    drawn = {number: create_sampler(name, space, 0).propose(number, SearchHistory([], {})) for number in numbers}
    near = [abs(params["weights.rank"] - 900.0) < 120 for params in drawn.values() if params is not None]
    # Two standard deviations are 95% of 80%, and 0.22 of the uniform rest.
    assert sum(near[0::2]) / 100 == pytest.approx(0.8 * 0.95 + 0.2 * 0.22, abs=0.12)
    assert sum(near[1::2]) / 100 == pytest.approx(0.22, abs=0.12)
