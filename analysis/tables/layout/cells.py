"""Text of table cells and of counts in sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def number(value: float | None, form: str = ".1f") -> str:
    """Formats a number; "-" if it is unknown or not finite."""
    return "-" if value is None or not math.isfinite(value) else format(value, form)


def mean_and_sd(mean: float | None, deviation: float | None) -> str:
    """Formats a mean with the standard deviation of its runs, such as "81.2 ± 3.4"; without it for one seed."""
    return number(mean) if deviation is None else f"{number(mean)} ± {deviation:.1f}"


def span(interval: Sequence[float] | None, form: str = ".1f") -> str:
    """Formats an interval, such as "1.2 to 3.4"; "-" if there is none."""
    return "-" if interval is None else f"{interval[0]:{form}} to {interval[1]:{form}}"


def p_cell(p: float | None) -> str:
    """Formats a p value, such as "0.012" or "< 0.001"; "-" if there is none."""
    return "-" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def p_text(p: float | None) -> str:
    """Formats a p value within a sentence, such as "p = 0.012" or "p < 0.001"; "p unknown" if there is none."""
    return "p unknown" if p is None else "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def compared_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The cells of a compared arm: the paper's figure, mean and interval, seeds, difference, its interval and p."""
    return (
        number(row["paper"], ".2f"),
        mean_and_sd(row["mean"], row["sd_seeds"]),
        span(row["ci95"]),
        str(row["n_seeds"]),
        number(row["difference"], "+.1f"),
        span(row["difference_ci95"]),
        p_cell(row["p_holm"]),
    )


def plural(count: int, singular: str) -> str:
    """Formats a count, such as "1 seed" or "3 seeds"."""
    return f"{count} {singular if count == 1 else singular + 's'}"


def printable(text: str) -> str:
    """Replaces line breaks and other unprintable characters by single blanks."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def possessive(name: str) -> str:
    """The name with 's, or with an apostrophe alone after s."""
    return f"{name}'" if name.endswith("s") else f"{name}'s"
