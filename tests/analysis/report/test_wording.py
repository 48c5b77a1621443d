from __future__ import annotations

import pytest

from analysis.report.wording import clock, listed, number, p_value, quoted, span


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [(-1.25, ".1f", "\N{MINUS SIGN}1.2"), (-0.04, ".1f", "0.0"), (-0.04, "+.1f", "+0.0"), (3.0, "+.1f", "+3.0")],
)
def test_numbers(value: float, form: str, text: str) -> None:
    assert number(value, form) == text


def test_what_is_not_known_is_a_dash() -> None:
    assert number(None) == span(None) == p_value(None) == "\N{EN DASH}"


def test_lists() -> None:
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert (
        listed(["a", quoted("b, c"), "d"])
        == "a, \N{LEFT DOUBLE QUOTATION MARK}b, c\N{RIGHT DOUBLE QUOTATION MARK} and d"
    )


def test_p_values() -> None:
    assert p_value(0.00099) == "< 0.001"
    assert p_value(0.0123) == "= 0.012"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (3599, "59 min 59 s"), (7500, "2 h 05 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert clock(seconds) == text
