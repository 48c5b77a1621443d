"""Durations as users type them, such as `30m`, and as messages show them, such as `3 h 20 min`."""

from __future__ import annotations

import math
import re

from amc.errors import UserError

_UNITS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_LONGEST = 10 * 365 * _UNITS["d"]


def parse_duration(text: str, option: str = "--time-budget") -> float:
    """Seconds of a duration such as `90s`, `30m`, `1.5h` or `2d`.

    Args:
        option: the command-line option to name in the error message.

    Raises:
        UserError: The text is not a number followed by a unit, is not above 0, or exceeds ten years.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([smhd])\s*", text, re.ASCII | re.IGNORECASE)
    seconds = float(found[1]) * _UNITS[found[2].lower()] if found else math.nan
    if not 0 < seconds <= _LONGEST:
        raise UserError(f"{option} {text!r}: give a number above 0 and its unit (s, m, h or d), such as 30m or 1.5h")
    return seconds


def format_duration(seconds: float) -> str:
    """A duration in at most two units, rounded: `45 s`, `12 min`, `3 h 20 min`, `2 d 5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    hours = round(seconds / 3_600)
    return f"{hours // 24} d {hours % 24} h" if hours % 24 else f"{hours // 24} d"
