from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amc.config import natops
from amc.errors import UserError
from tuning.search.default_space import search_space
from tuning.search.space import Parameter, checked_space, conditions_hold

BASE = natops("smoke")


SPACE = search_space(BASE)


NAMES = [row.name for row in SPACE.parameters]


units = st.fixed_dictionaries({name: st.floats(0, 1) for name in NAMES})


@given(units)
def test_a_decoded_trial_has_just_what_matters(values: dict[str, float]) -> None:
    params = SPACE.decode(values)
    config = SPACE.config(params, seed=3)
    on = config.switches
    assert on.da or on.dm
    ranked = on.mismatched and on.lrank
    assert ("margins.appearance" in params) == (ranked and on.da)
    assert ("margins.motion" in params) == (ranked and on.dm)
    assert ("weights.rank" in params) == ranked
    assert ("weights.ce" in params) == ("weights.mse" in params) == (on.ldaux and on.dm)
    assert ("weights.l1" in params) == ("weights.gram" in params) == on.lgaux
    assert [row.name for row in SPACE.active(params)] == list(params)
    assert 10.0 <= params.get("weights.rank", 10.0) <= 1000.0


@given(units)
def test_units_and_values_agree(values: dict[str, float]) -> None:
    for row in SPACE.parameters:
        value = row.from_unit(values[row.name])
        assert row.clip(value) == value
        again = row.from_unit(row.to_unit(value))
        assert again == value if row.kind == "bool" else again == pytest.approx(value)


def test_a_switch_is_on_as_often_as_its_prior_says() -> None:
    row = Parameter("switches.da", "bool", choices=(False, True), prior=0.9)
    assert sum(row.from_unit((index + 0.5) / 1000) for index in range(1000)) == 900


def test_int_covers_both_ends_evenly() -> None:
    row = Parameter("training.batch", "int", low=2, high=4)
    assert [row.from_unit(unit) for unit in (0.0, 0.33, 0.34, 0.66, 0.67, 1.0)] == [2, 2, 3, 3, 4, 4]
    assert row.grid(3) == (2, 3, 4)


def test_conditions() -> None:
    values = {"a": True, "b": False}
    assert conditions_hold(("a", "!b", "b | a"), values)
    assert not conditions_hold(("a", "b"), values)
    assert not conditions_hold(("!a|b",), values)


def test_conditions_in_a_circle() -> None:
    rows = [
        Parameter("switches.da", "bool", choices=(False, True), when=("switches.dm",)),
        Parameter("switches.dm", "bool", choices=(False, True), when=("switches.da",)),
    ]
    with pytest.raises(UserError, match="are circular"):
        checked_space(BASE, rows, {})
