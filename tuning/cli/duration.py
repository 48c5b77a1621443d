"""Durations as people write them on a command line, and as they read them."""

from __future__ import annotations

import math
import re

from amc.errors import UserError

_UNITS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_LONGEST = 10 * 365 * _UNITS["d"]


def duration(text: str, option: str = "--time-budget") -> float:
    """Seconds of such as `90s`, `30m`, `1.5h` or `2d`.

    Args:
        option: the option's name, for the complaint.

    Raises:
        UserError: no number with one of these units, not above 0, or beyond ten years.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([smhd])\s*", text, re.ASCII | re.IGNORECASE)
    seconds = float(found[1]) * _UNITS[found[2].lower()] if found else math.nan
    if not 0 < seconds <= _LONGEST:
        raise UserError(f"{option} {text!r}: give a number above 0 and its unit (s, m, h or d), such as 30m or 1.5h")
    return seconds


def spoken(seconds: float) -> str:
    """Two units at most, the smaller ones rounded away: `45 s`, `12 min`, `3 h 20 min`, `2 d 5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    hours = round(seconds / 3_600)
    return f"{hours // 24} d {hours % 24} h" if hours % 24 else f"{hours // 24} d"
