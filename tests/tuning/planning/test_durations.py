from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amc.errors import UserError
from tuning.planning.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1_800), ("1.5h", 5_400), ("2d", 172_800), (" 10 M ", 600), (".5h", 1_800), ("3.h", 10_800)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "30", "m", "-5m", "0s", "1h30m", "1e3s", "inf h", "nand", "30 min", "4000d", "٣m"]
)
def test_an_invalid_duration_is_an_error_with_an_example(text: str) -> None:
    with pytest.raises(UserError, match=r"--time-budget .*: give a number above 0 and its unit .* such as 30m"):
        parse_duration(text)


def test_the_error_names_the_option() -> None:
    with pytest.raises(UserError, match="--patience 'x'"):
        parse_duration("x", "--patience")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (89.4, "89 s"),
        (90, "2 min"),
        (720, "12 min"),
        (3_599, "1 h"),
        (12_000, "3 h 20 min"),
        (86_399, "1 d"),
        (190_800, "2 d 5 h"),
    ],
)
def test_durations_as_messages_show_them(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(1, 10**6), st.sampled_from("smhd"))
def test_units_agree(number: int, unit: str) -> None:
    each = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}[unit]
    if number * each <= 3_000 * 86_400:
        assert parse_duration(f"{number}{unit}") == number * each
