"""Formats numbers, lists, counts and durations for the page."""

from __future__ import annotations

import re
from collections.abc import Sequence

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"
# Folders of an absolute path, quoted (then it may contain blanks) or not; the path of a URL does not match.
_FOLDERS = (
    re.compile(r"""(?<=['"])(?:/|[A-Za-z]:\\)[^'"]*[/\\](?=[^'"/\\]+['"])"""),
    re.compile(r"""(?:(?<![\w:/.~-])|(?<=file://)|(?<=sqlite:///))/(?:[^\s/'":,;<>]+/)+(?=[^\s/])"""),
    re.compile(r"""(?<!\w)[A-Za-z]:\\(?:[^\s\\'":,;<>]+\\)+(?=[^\s\\])"""),
)


def number(value: float | None, form: str = ".1f") -> str:
    """Formats a number with a typographic minus sign; a dash if it is None."""
    if value is None:
        return NONE
    text = format(value, form)
    if float(text) == 0:
        text = text.replace("-", "+" if form.startswith("+") else "")
    return text.replace("-", MINUS)


def span(interval: Sequence[float] | None, form: str = ".1f") -> str:
    """Formats an interval, such as "1.2 to 3.4"."""
    return NONE if interval is None else f"{number(interval[0], form)} to {number(interval[1], form)}"


def p_value(value: float | None) -> str:
    """Formats a p value, such as "= 0.012" or "< 0.001"."""
    if value is None:
        return NONE
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def quoted(name: str) -> str:
    """Quotes a name that contains a comma, for use in a list."""
    return f"\u201c{name}\u201d" if "," in name else name


def listed(phrases: Sequence[str]) -> str:
    """Joins phrases, such as "a, b and c"."""
    if len(phrases) < 2:
        return "".join(phrases)
    return f"{', '.join(phrases[:-1])} and {phrases[-1]}"


def without_folders(text: str) -> str:
    """Removes the folders from absolute paths in a text, so that the report does not reveal them."""
    for folders in _FOLDERS:
        text = folders.sub("", text)
    return text


def clock(seconds: float) -> str:
    """Formats a duration, such as "42 s", "3 min 20 s" or "2 h 05 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
