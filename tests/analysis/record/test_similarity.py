"""How alike configurations are taken to be, by hand and by laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.record.similarity import JITTER, LENGTH, similarities

SPACE = {
    "parameters": {
        "weights.gan": {"kind": "log", "low": 0.01, "high": 100.0},
        "margins.motion": {"kind": "float", "low": -1.0, "high": 1.0},
        "readings.gram": {"kind": "categorical", "choices": ["spatial", "channel"]},
        "switches.da": {"kind": "bool", "choices": [True, False]},
    }
}
BASE = {"weights.gan": 1.0, "margins.motion": 0.0, "readings.gram": "spatial", "switches.da": True}


def similarity(**changes: object) -> float:
    other = {**BASE, **{name.replace("__", "."): value for name, value in changes.items()}}
    other = {name: value for name, value in other.items() if value is not None}
    found = similarities([BASE, other], SPACE)
    assert found[0, 1] == found[1, 0]
    return float(found[0, 1])


def expected(squared: float) -> float:
    return math.exp(-squared / 4 / (2 * LENGTH**2))


def test_each_kind_of_parameter_by_hand() -> None:
    assert similarity() == 1.0
    assert similarity(weights__gan=10.0) == pytest.approx(expected(0.25**2))  # a decade of four
    assert similarity(margins__motion=0.5) == pytest.approx(expected(0.25**2))
    assert similarity(weights__gan=10.0, margins__motion=0.5) == pytest.approx(expected(2 * 0.25**2))
    assert similarity(readings__gram="channel") == pytest.approx(expected(1.0))
    assert similarity(switches__da=False) == pytest.approx(expected(1.0))
    assert similarity(margins__motion=None) == pytest.approx(expected(1.0))  # only one has it
    assert similarity(readings__gram=None) == pytest.approx(expected(1.0))
    assert similarity(weights__gan=0.0) == pytest.approx(expected(1.5**2))  # a weight that an earlier space had
    assert similarity(training__steps=5) == 1.0  # not searched


def test_a_parameter_that_neither_has_keeps_them_alike() -> None:
    one = {name: value for name, value in BASE.items() if name != "margins.motion"}
    assert similarities([one, dict(one)], SPACE)[0, 1] == 1.0


def test_without_parameters_no_two_are_alike() -> None:
    assert (similarities([BASE, BASE], {}) == np.eye(2)).all()
    assert (similarities([BASE, BASE], {"parameters": {}}) == np.eye(2)).all()


points = st.fixed_dictionaries(
    {"weights.gan": st.floats(0.01, 100.0), "switches.da": st.booleans()},
    optional={"margins.motion": st.floats(-1.0, 1.0), "readings.gram": st.sampled_from(["spatial", "channel"])},
)


@settings(max_examples=60, deadline=None)
@given(st.lists(points, min_size=1, max_size=8))
def test_the_matrix_is_a_covariance(configurations: list[dict[str, object]]) -> None:
    found = similarities(configurations, SPACE)
    assert (found == found.T).all()
    assert (np.diag(found) == 1 + JITTER).all()
    assert np.linalg.eigvalsh(found).min() > 0
