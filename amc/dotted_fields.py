"""Fields of nested frozen dataclasses, addressed by dotted names such as `weights.rank`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from amc.errors import UserError

Node = TypeVar("Node")


def replaced(node: Node, name: str, value: Any) -> Node:
    """A copy of the dataclass `node` with the field of this dotted name set to `value`.

    Raises:
        UserError: the name is unknown, or the value does not have the field's type (an int may replace a float).
    """
    changed: Node = _replaced(node, name.split("."), value, name)
    return changed


def flattened(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """The leaves of nested mappings with their dotted names, in order."""
    rows: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            rows += flattened(value, f"{prefix}{key}.")
        else:
            rows.append((f"{prefix}{key}", value))
    return rows


def shown(value: Any) -> str:
    """A setting's value for people: floats with three significant digits, such as 100 and 0.00075, not 1e+02."""
    return f"{float(f'{value:.3g}'):g}" if isinstance(value, float) else str(value)


def _replaced(node: Any, path: list[str], value: Any, full: str) -> Any:
    known = {f.name for f in fields(node)}
    head = path[0]
    if head not in known:
        raise UserError(
            f"unknown setting {full!r}: no field {head!r} in {type(node).__name__} ({', '.join(sorted(known))})"
        )
    current = getattr(node, head)
    if len(path) > 1:
        if not is_dataclass(current):
            raise UserError(f"unknown setting {full!r}: {head!r} has no fields")
        return replace(node, **{head: _replaced(current, path[1:], value, full)})
    return replace(node, **{head: _typed(current, value, full)})


def _typed(current: Any, value: Any, name: str) -> Any:
    if isinstance(current, bool) or isinstance(value, bool):
        ok = isinstance(current, bool) and isinstance(value, bool)
    elif isinstance(current, float) and isinstance(value, (int, float)):
        value, ok = float(value), math.isfinite(value)
    else:
        ok = type(current) is type(value)
    if not ok:
        raise UserError(f"setting {name!r} is {current!r} by default; {value!r} does not fit its type")
    return value
