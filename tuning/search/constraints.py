"""Constraints on reported metrics, such as `time/step_seconds <= 0.5`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from amc.errors import UserError
from tuning.search.objectives import OBJECTIVES

ALIASES: Mapping[str, str] = {
    "seconds_per_step": "time/step_seconds",
    **{row.name: row.metric for row in OBJECTIVES.values()},
}
OPERATORS = ("<=", ">=", "<", ">")
_EXPRESSION = re.compile(r"\s*([A-Za-z][\w./-]*)\s*(<=|>=|<|>)\s*(\S+)\s*")


@dataclass(frozen=True)
class Constraint:
    """A bound that a metric must keep at every report.

    Attributes:
        operator: one of `OPERATORS`.
    """

    metric: str
    operator: str
    bound: float

    def __str__(self) -> str:
        return f"{self.metric} {self.operator} {repr(self.bound).removesuffix('.0')}"

    def violation(self, value: float) -> float:
        """By how much `value` exceeds the bound, relative to the bound, so that violations can be added; 0 if it holds.

        A value equal to the bound of a strict constraint violates it by the smallest positive number.
        """
        beyond = value - self.bound if self.operator.startswith("<") else self.bound - value
        if beyond > 0:
            return beyond / (abs(self.bound) or 1.0)
        return math.ulp(0.0) if beyond == 0 and self.operator in ("<", ">") else 0.0


def parse_constraint(text: str) -> Constraint:
    """Parses a constraint, METRIC OPERATOR NUMBER.

    Raises:
        UserError: the text is not a constraint.
    """
    found = _EXPRESSION.fullmatch(text)
    number = _number(found[3]) if found else None
    if found is None or number is None:
        raise UserError(
            f"--constraint {text!r}: expected METRIC OPERATOR NUMBER, such as 'time/step_seconds <= 0.5'; "
            f"operators are {', '.join(OPERATORS)}"
        )
    return Constraint(ALIASES.get(found[1], found[1]), found[2], number)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
