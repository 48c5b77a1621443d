"""Columns that hold JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any


def dumps(value: Any) -> str:
    """JSON for a column. Numbers that are not finite become strings, because strict JSON has none."""
    return json.dumps(_encode(value), sort_keys=True, allow_nan=False)


def dumps_in_order(values: Mapping[str, float | None]) -> str:
    """JSON for a column of objectives, which keeps their order."""
    return json.dumps(dict(values), allow_nan=False)


def metrics_from(text: str) -> dict[str, float]:
    """The numbers in a column of metrics."""
    return numbers(json.loads(text))


def numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Converts the strings that `dumps` wrote for numbers that are not finite."""
    return {name: float(value) for name, value in values.items()}


def _encode(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _encode(inner) for key, inner in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_encode(inner) for inner in value]
    return value
