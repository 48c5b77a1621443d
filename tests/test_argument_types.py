"""Numbers in a range as command-line arguments."""

from __future__ import annotations

import argparse
import re

import pytest

from amc.argument_types import integer, number


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("7", 7), ("-0", 0)])
def test_integers_in_the_range_are_taken(text: str, value: int) -> None:
    assert integer(0)(text) == value
    assert integer(0, 7)(text) == value


@pytest.mark.parametrize("text", ["-1", "8", "1.5", "", "many", "nan"])
def test_other_integers_are_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=re.escape(f"give an integer from 0 to 7, not {text!r}")):
        integer(0, 7)(text)


def test_a_range_without_an_upper_end() -> None:
    assert integer(1)("1" + 30 * "0") == 10**30
    with pytest.raises(argparse.ArgumentTypeError, match="give an integer of 1 or more, not '0'"):
        integer(1)("0")


@pytest.mark.parametrize("text", ["nan", "inf", "-0.1", "1.1", "x"])
def test_other_numbers_are_refused(text: str) -> None:
    assert number(0, 1)("0.5") == 0.5
    with pytest.raises(argparse.ArgumentTypeError, match=f"give a number from 0 to 1, not '{text}'"):
        number(0, 1)(text)
