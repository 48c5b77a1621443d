"""Columns that hold JSON, and rows read from tables that have such columns."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from analysis.record.equal_accuracies import LOG_LIKELIHOOD
from analysis.record.rows import CommandRow, ImportedRow, Point, SheetRow, StudyRow, TrialRow


def dumps(value: Any) -> str:
    """JSON for a column. Numbers that are not finite become strings, because strict JSON has none."""
    return json.dumps(_encode(value), sort_keys=True, allow_nan=False)


def dumps_objectives(values: Mapping[str, float | None], log_likelihood: float | None) -> str:
    """JSON for a column of objectives, which keeps their order; the log-likelihood comes last, if there is one."""
    last = {} if log_likelihood is None else {LOG_LIKELIHOOD: log_likelihood}
    return json.dumps({**values, **last}, allow_nan=False)


def objectives_from(text: str) -> tuple[dict[str, float | None], float | None]:
    """The inverse of `dumps_objectives`."""
    values: dict[str, float | None] = json.loads(text)
    return values, values.pop(LOG_LIKELIHOOD, None)


def metrics_from(text: str) -> dict[str, float]:
    """The numbers in a column of metrics."""
    return numbers(json.loads(text))


def numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Converts the strings that `dumps` wrote for numbers that are not finite."""
    return {name: float(value) for name, value in values.items()}


def study_row(row: sa.RowMapping) -> StudyRow:
    """A study as read from its table."""
    values = dict(row)
    for name in ("dataset", "config", "space", "settings", "versions", "goal"):
        values[name] = json.loads(values[name])
    return StudyRow(**values)


def trial_row(row: sa.RowMapping) -> TrialRow:
    """A trial as read from its table."""
    values = dict(row)
    values["params"], values["config"] = json.loads(values["params"]), json.loads(values["config"])
    values["scores"] = metrics_from(values["scores"])
    values["values"], values["log_likelihood"] = objectives_from(values["values"])
    return TrialRow(**values)


def sheet_row(row: sa.RowMapping) -> SheetRow:
    """A score sheet as read from its table."""
    return SheetRow(**{**row, "content": json.loads(row["content"])})


def imported_row(row: sa.RowMapping) -> ImportedRow:
    """A trial of another study, as read from its table."""
    values = dict(row)
    values["config"], values["dataset"] = json.loads(values["config"]), json.loads(values["dataset"])
    values["curve"] = {step: numbers(metrics) for step, metrics in json.loads(values["curve"])}
    return ImportedRow(**values)


def command_row(row: sa.RowMapping) -> CommandRow:
    """A command as read from its table."""
    return CommandRow(**{**row, "arguments": json.loads(row["arguments"])})


def point(row: sa.RowMapping) -> Point:
    """A report as read from its table."""
    return Point(row["id"], row["key"], row["step"], row["attempt"], row["timestamp"], metrics_from(row["metrics"]))


def _encode(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _encode(inner) for key, inner in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_encode(inner) for inner in value]
    return value
