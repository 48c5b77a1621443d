"""The goal of a study: the objectives that it maximises, and constraints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuning.search.constraints import Constraint, parse_constraint
from tuning.search.objectives import ACCURACY, OBJECTIVES, Objective


@dataclass(frozen=True)
class Goal:
    """The goal of a study.

    Attributes:
        objectives: the first one is the value of a trial.
        constraints: trials that violate any rank behind all others.
    """

    objectives: tuple[Objective, ...] = (ACCURACY,)
    constraints: tuple[Constraint, ...] = ()

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of the objectives."""
        return tuple(row.metric for row in self.objectives)

    @property
    def measured_objectives(self) -> list[str]:
        """Names of the objectives that trials must measure, those that only a constraint uses included."""
        bounded = {row.metric for row in self.constraints}
        return [row.name for row in OBJECTIVES.values() if row in self.objectives or row.metric in bounded]

    def violation(self, metrics: Mapping[str, float]) -> float | None:
        """The sum of the constraints' violations; None without constraints, infinite if a metric is missing or NaN."""
        if not self.constraints:
            return None
        return math.fsum(_violation(row, metrics.get(row.metric)) for row in self.constraints)

    def missing(self, metrics: Mapping[str, float]) -> str:
        """An error message about the first metric that the goal needs and the report lacks; empty if there is none."""
        for metric in self.metrics:
            if metric not in metrics:
                return f"the metric of an objective, {metric}, is not reported; {_reported(metrics)}"
        for row in self.constraints:
            if row.metric not in metrics:
                return f"constraint '{row}': the metric {row.metric} is not reported; {_reported(metrics)}"
        return ""

    def to_dict(self) -> dict[str, Any]:
        """JSON values, for the record."""
        return {
            "objectives": [row.name for row in self.objectives],
            "constraints": sorted({str(row) for row in self.constraints}),
        }

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Goal:
        """The inverse of `to_dict`."""
        objectives = tuple(OBJECTIVES[name] for name in values["objectives"])
        return Goal(objectives, tuple(parse_constraint(text) for text in values["constraints"]))


def _violation(row: Constraint, value: float | None) -> float:
    return math.inf if value is None or math.isnan(value) else row.violation(value)


def _reported(metrics: Mapping[str, float]) -> str:
    return f"reported metrics: {', '.join(sorted(metrics)) or 'none'}"
