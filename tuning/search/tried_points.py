"""Points that a search tries first (`--try FILE`), complete or partial.

A TOML file has a table for each point, with values by dotted name:

    [[points]]
    "weights.rank" = 30.0
    "switches.lrank" = true

    [[points]]
    optimizer.lr_generator = 1e-4           # the same as the quoted name

A JSON file has the same as `{"points": [{"weights.rank": 30.0}]}`, or the list alone. A point need not name all
parameters: the others have the values of the base configuration, moved into their ranges.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from amc.config import with_overrides
from amc.dotted_fields import flattened
from amc.errors import UserError
from tuning.search.space import Space


def read_points(file: Path, space: Space) -> list[dict[str, Any]]:
    """The points of a file, each with the values of all parameters that are active in it.

    Raises:
        UserError: the file cannot be read or has no points, or a point names a parameter that is not searched or not
            active in it, has a value outside its range or of another type, or repeats another point.
    """
    points: list[dict[str, Any]] = []
    for number, entry in enumerate(_read(file), start=1):
        where = f"{file}: point {number}"
        point = complete_point(entry, space, where)
        if point in points:
            raise UserError(f"{where} is the same as point {points.index(point) + 1}: remove one of them")
        points.append(point)
    return points


def complete_point(entry: Any, space: Space, where: str) -> dict[str, Any]:
    """The values of all active parameters, from those of some.

    Args:
        entry: values by dotted name, or nested tables.
        space: that the point is in.
        where: what the point is in, for error messages.

    Raises:
        UserError: see `read_points`.
    """
    if not isinstance(entry, Mapping) or not entry:
        raise UserError(f"{where} must be a table with the value of at least one parameter")
    pairs = flattened(entry)
    names = [name for name, _ in pairs]
    if not names:
        raise UserError(f"{where} must be a table with the value of at least one parameter")
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"{where} sets {twice[0]!r} twice, as a quoted name and in a table: remove one of them")
    values = {name: _checked(name, value, space, where) for name, value in pairs}
    point = space.nearest(values)
    idle = [name for name in values if name not in point]
    if idle:
        (row,) = (row for row in space.parameters if row.name == idle[0])
        raise UserError(
            f"{where} sets {idle[0]!r}, which has no effect there: it needs {' and '.join(row.when)}; "
            "remove it, or set what it needs"
        )
    return point


def _checked(name: str, value: Any, space: Space, where: str) -> Any:
    """The value of one parameter, in the type of its setting."""
    row = next((row for row in space.parameters if row.name == name), None)
    if row is None:
        raise UserError(f"{where} sets {name!r}, {_why_not(name, space)}")
    try:
        typed = value if row.choices else with_overrides(space.base, {name: value}).flat()[name]
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    if not row.contains(typed):
        raise UserError(f"{where} sets {name!r} to {value!r}, which is not in its range ({row.range_text})")
    return typed


def _why_not(name: str, space: Space) -> str:
    if name in space.fixed:
        return f"which the space file fixes at {space.fixed[name]!r}: remove it from the point"
    if name in space.base.flat():
        return "which is not searched: remove it, or add it to the search space with --space FILE"
    near = get_close_matches(name, [row.name for row in space.parameters], n=1)
    return "which is not a parameter of the search space" + (f": did you mean {near[0]!r}?" if near else "")


def _read(file: Path) -> list[Any]:
    try:
        text = file.read_text(encoding="utf-8")
        content: Any = json.loads(text) if file.suffix.lower() == ".json" else tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read --try {file}: {getattr(error, 'strerror', None) or error}") from error
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"cannot parse --try {file}: {error}") from error
    if isinstance(content, Mapping):
        unknown = sorted(set(content) - {"points"})
        if unknown:
            raise UserError(f"--try {file}: unknown {', '.join(unknown)}: write each point as a table [[points]]")
        content = content.get("points", [])
    if not isinstance(content, list) or not content:
        raise UserError(f"--try {file} has no points: write each as a table [[points]] with values by dotted name")
    return content
