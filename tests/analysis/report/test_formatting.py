from __future__ import annotations

import pytest

from analysis.report.formatting import clock, listed, number, p_value, quoted, span, without_folders


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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no /srv/me/a.h5 there", "no a.h5 there"),
        ("[Errno 2]: '/srv/me/my files/a b.h5'", "[Errno 2]: 'a b.h5'"),
        ('in "C:\\Users\\me\\a.py", line 3', 'in "a.py", line 3'),
        ("C:\\Users\\me\\a.py:3", "a.py:3"),
        ("sqlite:////srv/me/a.db, file:///srv/me/b", "sqlite:///a.db, file://b"),
        ("see https://host/a/b, 3/4/5 of a/b/c or </b>", "see https://host/a/b, 3/4/5 of a/b/c or </b>"),
        ("1 / 2 / 3 and / alone", "1 / 2 / 3 and / alone"),
    ],
)
def test_files_are_named_without_their_folders(text: str, shown: str) -> None:
    assert without_folders(text) == shown
