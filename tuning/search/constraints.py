"""Constraints on what trials report, such as `time/step_seconds <= 0.5`."""

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
    """A bound that a metric must keep at every report."""

    metric: str
    operator: str
    bound: float

    def __str__(self) -> str:
        return f"{self.metric} {self.operator} {repr(self.bound).removesuffix('.0')}"

    def violation(self, value: float) -> float:
        """By how much `value` breaks the bound, as a share of the bound so that units may be added up; 0 if it holds.

        On the bound itself a strict constraint is violated by the smallest number that there is.
        """
        beyond = value - self.bound if self.operator.startswith("<") else self.bound - value
        if beyond > 0:
            return beyond / (abs(self.bound) or 1.0)
        return math.ulp(0.0) if beyond == 0 and self.operator in ("<", ">") else 0.0


def parse_constraint(text: str) -> Constraint:
    """The constraint that an expression says.

    Raises:
        UserError: it is none.
    """
    found = _EXPRESSION.fullmatch(text)
    number = _number(found[3]) if found else None
    if found is None or number is None:
        raise UserError(
            f"--constraint {text!r} is no METRIC OPERATOR NUMBER, such as 'time/step_seconds <= 0.5': "
            f"the operators are {', '.join(OPERATORS)}"
        )
    return Constraint(ALIASES.get(found[1], found[1]), found[2], number)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
