"""Types of command-line arguments that are numbers in a range, for argparse's `type=`."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable


def integer(least: int, most: int | None = None) -> Callable[[str], int]:
    """An integer from `least` to `most`, both included; without `most`, any integer from `least` on."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least or (most is not None and value > most):
            raise argparse.ArgumentTypeError(f"give an integer {_range(least, most)}, not {text!r}")
        return value

    return parse


def number(least: float, most: float | None = None) -> Callable[[str], float]:
    """A finite number from `least` to `most`, both included; without `most`, any from `least` on."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or value < least or (most is not None and value > most):
            raise argparse.ArgumentTypeError(f"give a number {_range(least, most)}, not {text!r}")
        return value

    return parse


def _range(least: float, most: float | None) -> str:
    return f"of {least:g} or more" if most is None else f"from {least} to {most}"
