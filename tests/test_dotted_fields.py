"""Dotted names into frozen dataclasses: copies that differ in one field, lists of leaves, and what is refused."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amc.dotted_fields import flattened, replaced, shown
from amc.errors import UserError


@dataclass(frozen=True)
class Inner:
    rate: float = 0.5
    kind: str = "plain"


@dataclass(frozen=True)
class Outer:
    inner: Inner = Inner()
    other: Inner = Inner(rate=2.0)
    steps: int = 10
    on: bool = True


def test_one_field_changes_and_the_original_stays() -> None:
    before = Outer()
    assert replaced(before, "inner.rate", 0.25) == Outer(inner=Inner(rate=0.25))
    assert replaced(before, "steps", 11) == Outer(steps=11)
    assert before == Outer()


def test_an_int_does_for_a_float() -> None:
    found = replaced(Outer(), "inner.rate", 3).inner.rate
    assert found == 3.0
    assert type(found) is float


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("steps", 1.5, "'steps' is 10 by default"),
        ("steps", True, "does not fit its type"),
        ("on", 1, "does not fit its type"),
        ("inner.rate", float("nan"), "does not fit its type"),
        ("inner.rate", "fast", "'inner.rate' is 0.5 by default"),
        ("inner", 1, "does not fit its type"),
        ("inner.speed", 1.0, "no field 'speed' in Inner (kind, rate)"),
        ("steps.more", 1, "'steps' has no fields"),
        ("", 1, "no field ''"),
    ],
)
def test_what_does_not_fit_is_one_line(name: str, value: object, said: str) -> None:
    with pytest.raises(UserError) as refused:
        replaced(Outer(), name, value)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_leaves_in_order() -> None:
    assert flattened({"b": {"d": 1, "c": {"e": None}}, "a": [1]}) == [("b.d", 1), ("b.c.e", None), ("a", [1])]
    assert flattened({}) == []


@given(rate=st.floats(allow_nan=False, allow_infinity=False), kind=st.text(), steps=st.integers(), on=st.booleans())
def test_the_leaves_put_back_make_it_again(rate: float, kind: str, steps: int, on: bool) -> None:
    made = Outer(Inner(rate, kind), Inner(-rate, kind), steps, on)
    found = Outer()
    for name, value in flattened(asdict(made)):
        found = replaced(found, name, value)
    assert found == made


@pytest.mark.parametrize(
    ("value", "text"),
    [(100.0, "100"), (398.2657, "398"), (1000.0, "1000"), (0.00075, "0.00075"), (0.0195123, "0.0195"), (1e-7, "1e-07")],
)
def test_a_float_is_shown_with_three_digits_and_without_an_exponent_up_to_a_million(value: float, text: str) -> None:
    assert shown(value) == text


def test_other_values_are_shown_as_they_are() -> None:
    assert [shown(value) for value in (True, 1800, "sum", None)] == ["True", "1800", "sum", "None"]
