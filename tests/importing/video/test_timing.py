"""Time stamps: what counts as a constant rate, and which frame is on screen when."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amc.importing.video.timing import LONGEST_STILL, TimestampGap, Timing

MILLI = Fraction(1, 1000)


def test_constant_rate_up_to_the_rounding_of_its_time_base() -> None:
    stamps = [round(i * 1001 / 30) for i in range(90)]  # 29.97 a second in milliseconds
    timing = Timing.from_stamps(stamps, MILLI, None)
    assert not timing.uneven
    assert float(timing.interval or 0) == pytest.approx(1.001 / 30, rel=1e-3)
    np.testing.assert_array_equal(timing.sample(), np.arange(90))
    assert timing.remark == ""


def test_jitter_of_less_than_half_an_interval_changes_nothing() -> None:
    stamps = [40 * i + (15 if i % 2 else 0) for i in range(50)]
    assert not Timing.from_stamps(stamps, MILLI, None).uneven


def test_uneven_frames_at_their_average_rate() -> None:
    """Seven frames over 0.24 s: one every 40 ms; frame 2 is held for 120 ms, frames 3 and 4 last 10 ms."""
    timing = Timing.from_stamps([0, 40, 80, 200, 210, 220, 240], MILLI, None)
    assert timing.uneven
    assert timing.interval == Fraction(40, 1000)
    # Middles: 20, 60, 100, 140, 180, 220, 260.
    assert timing.sample().tolist() == [0, 1, 2, 2, 2, 5, 6]
    # 50 a second: 14 intervals of 20 ms, middles 10, 30, ..., 270.
    assert timing.sample(Fraction(50)).tolist() == [0, 0, 1, 1, 2, 2, 2, 2, 2, 2, 4, 5, 6, 6]


@pytest.mark.parametrize(
    ("rate", "shown"),
    [
        ("25", [0, 1, 2, 3, 4, 5]),
        ("50", [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]),
        ("12.5", [1, 3, 5]),
        ("10", [1, 3]),  # 2.4 intervals are two, with their middles at 1.25 and 3.75 frames
        ("0.1", [5]),
    ],
)
def test_constant_rate_at_another(rate: str, shown: list[int]) -> None:
    timing = Timing.from_stamps([512 * i for i in range(6)], Fraction(1, 12800), None)
    assert timing.sample(Fraction(rate)).tolist() == shown


def test_without_time_stamps() -> None:
    assert Timing.from_stamps([None] * 4, MILLI, Fraction(25)) == Timing(4, Fraction(1, 25))
    assert Timing.from_stamps([0, 1, 2], None, Fraction(25)) == Timing(3, Fraction(1, 25))
    assert Timing.from_stamps([7], MILLI, Fraction(25)) == Timing(1, Fraction(1, 25))
    with pytest.raises(ValueError, match="unknown"):
        Timing.from_stamps([None] * 4, MILLI, None).sample(Fraction(25))


def test_missing_backward_and_equal_time_stamps() -> None:
    some = Timing.from_stamps([None, 40, None, 120, 160, None], MILLI, None)
    assert not some.uneven
    assert some.interval == Fraction(40, 1000)
    assert some.remark.startswith("3 frames without a time stamp")
    back = Timing.from_stamps([0, 40, 20, 60], MILLI, Fraction(25))
    assert (back.uneven, back.interval) == (False, Fraction(1, 25))
    assert back.remark == "time stamps ignored: they decrease at frame 2"
    assert "all the same" in Timing.from_stamps([5, 5, 5], MILLI, None).remark


def test_repeated_and_negative_time_stamps() -> None:
    timing = Timing.from_stamps([-100, -60, -60, -60, 60, 100], MILLI, None)
    # Frames 1 and 2 are shown for no time at all.
    assert timing.sample().tolist() == [0, 3, 3, 3, 4, 5]


def test_a_leap_is_named() -> None:
    timing = Timing.from_stamps([*range(0, 400, 40), 4_000_000], MILLI, None)
    assert timing.gap == TimestampGap(frame=9, seconds=pytest.approx(3999.64))
    assert Timing.from_stamps([0, 40, 80, 80 + 40 * LONGEST_STILL, 120 + 40 * LONGEST_STILL], MILLI, None).gap is None


@given(
    gaps=st.lists(st.integers(0, 400), min_size=1, max_size=60),
    rate=st.none() | st.fractions(Fraction(1, 2), 60, max_denominator=1001),
)
def test_what_is_shown_is_what_is_on_screen(gaps: list[int], rate: Fraction | None) -> None:
    stamps = np.cumsum([0, *gaps])
    timing = Timing.from_stamps([int(s) for s in stamps], MILLI, Fraction(25))
    shown = timing.sample(rate)
    assert (np.diff(shown) >= 0).all()
    assert shown.min() >= 0
    assert shown.max() < len(stamps)
    if rate is None:
        assert len(shown) == len(stamps)
    if timing.uneven and timing.interval is not None:
        step = 1000 * float(1 / rate if rate else timing.interval)
        middle = (np.arange(len(shown)) + 0.5) * step
        clear = np.abs(middle[:, None] - stamps).min(axis=1) > 1e-6
        np.testing.assert_array_equal(shown[clear], np.searchsorted(stamps, middle[clear], side="right") - 1)
