"""What a study judges its trials by: objectives, the first of which is a trial's value, and constraints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuning.search.constraints import Constraint, parse_constraint
from tuning.search.objectives import ACCURACY, OBJECTIVES, Objective


@dataclass(frozen=True)
class Goal:
    """See the module's text."""

    objectives: tuple[Objective, ...] = (ACCURACY,)
    constraints: tuple[Constraint, ...] = ()

    @property
    def metrics(self) -> tuple[str, ...]:
        """What the objectives are called in reports."""
        return tuple(row.metric for row in self.objectives)

    @property
    def measured_objectives(self) -> list[str]:
        """Names of the objectives that a trial must measure, those that only a constraint speaks of included."""
        bounded = {row.metric for row in self.constraints}
        return [row.name for row in OBJECTIVES.values() if row in self.objectives or row.metric in bounded]

    def violation(self, metrics: Mapping[str, float]) -> float | None:
        """Sum of the constraints' violations; None without constraints, infinite where one can't be told."""
        if not self.constraints:
            return None
        return math.fsum(_violation(row, metrics.get(row.metric)) for row in self.constraints)

    def missing(self, metrics: Mapping[str, float]) -> str:
        """What a report lacks that this study needs, in a line; "" if nothing."""
        for metric in self.metrics:
            if metric not in metrics:
                return f"the objective's metric {metric} is not reported: {_there(metrics)}"
        for row in self.constraints:
            if row.metric not in metrics:
                return f"constraint '{row}': no metric {row.metric} is reported: {_there(metrics)}"
        return ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for the record."""
        return {
            "objectives": [row.name for row in self.objectives],
            "constraints": sorted({str(row) for row in self.constraints}),
        }

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Goal:
        """The inverse of `to_dict`."""
        chosen = tuple(OBJECTIVES[name] for name in values["objectives"])
        return Goal(chosen, tuple(parse_constraint(text) for text in values["constraints"]))


def _violation(row: Constraint, value: float | None) -> float:
    return math.inf if value is None or math.isnan(value) else row.violation(value)


def _there(metrics: Mapping[str, float]) -> str:
    return f"there is {', '.join(sorted(metrics)) or 'none'}"
