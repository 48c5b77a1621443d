"""A search space as data: parameters of a configuration by dotted name, their ranges, and when each is asked.

A parameter that is not asked keeps the value of the configuration that the search starts from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from amc.config import Config, with_overrides
from amc.errors import UserError

Kind = Literal["float", "log", "int", "categorical", "bool"]
KINDS: tuple[Kind, ...] = ("float", "log", "int", "categorical", "bool")


@dataclass(frozen=True)
class Parameter:
    """One dimension.

    Attributes:
        name: a field of `amc.config.Config` by its dotted name.
        low, high: ends of the range, both included (float, log, int).
        choices: what there is to choose from (categorical; of a bool False and True).
        prior: prior probability of True (bool). Ablated models are usually worse, and a probability of 0.5 for each of
            six switches would spend most trials on degraded models.
        when: all of these must hold: "switches.da" (is true), "!switches.da" (is false), alternatives by "|".
    """

    name: str
    kind: Kind
    low: float = 0.0
    high: float = 0.0
    choices: tuple[Any, ...] = ()
    prior: float = 0.5
    when: tuple[str, ...] = ()

    def clip(self, value: Any) -> Any:
        """The allowed value nearest to `value`."""
        if self.kind in ("categorical", "bool"):
            return value if value in self.choices else self.choices[0]
        nearest = min(max(value, self.low), self.high)
        return round(nearest) if self.kind == "int" else float(nearest)

    def contains(self, value: Any) -> bool:
        """Whether a value is allowed."""
        return bool(self.clip(value) == value)

    # Samplers work on the unit interval: it makes every kind a number, and carries a bool's prior.

    def to_unit(self, value: Any) -> float:
        """Where a value lies in [0, 1]: the middle of its share, for values that are not numbers."""
        if self.kind == "bool":
            return self.prior / 2 if value else (1 + self.prior) / 2
        if self.kind == "categorical":
            return (self.choices.index(value) + 0.5) / len(self.choices)
        low, high = self.low, self.high
        if self.kind == "int":
            return float((value - low + 0.5) / (high - low + 1))
        if self.kind == "log":
            value, low, high = math.log(value), math.log(low), math.log(high)
        return float((value - low) / (high - low))

    def from_unit(self, unit: float) -> Any:
        """The value at a place in [0, 1]."""
        if self.kind == "bool":
            return unit < self.prior
        if self.kind == "categorical":
            return self.choices[min(int(unit * len(self.choices)), len(self.choices) - 1)]
        low, high = self.low, self.high
        if self.kind == "int":
            return int(min(low + int(unit * (high - low + 1)), high))
        if self.kind == "log":
            return float(min(max(math.exp(math.log(low) + unit * math.log(high / low)), low), high))
        return float(low + unit * (high - low))

    def grid(self, points: int) -> tuple[Any, ...]:
        """At most so many values, spread evenly over the range with both ends."""
        if self.kind in ("categorical", "bool"):
            return self.choices
        if self.kind == "int" and self.high - self.low < points:
            return tuple(range(int(self.low), int(self.high) + 1))
        spread = (self.from_unit(index / (points - 1)) for index in range(points))
        return tuple(dict.fromkeys(spread))


@dataclass(frozen=True)
class Space:
    """Parameters in an order in which each comes after those that its condition names.

    Attributes:
        base: the configuration that parameters change, fixed settings included.
        fixed: dotted names that a space file sets for all trials.
    """

    base: Config
    parameters: tuple[Parameter, ...]
    fixed: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def _base(self) -> Mapping[str, Any]:
        return self.base.flat()

    def config(self, params: Mapping[str, Any], *, seed: int) -> Config:
        """The complete configuration of a trial."""
        return with_overrides(self.base, {**params, "seed": seed})

    def active(self, values: Mapping[str, Any]) -> list[Parameter]:
        """The parameters that matter where the others have these values."""
        current = dict(self._base)
        rows = []
        for parameter in self.parameters:
            if conditions_hold(parameter.when, current):
                rows.append(parameter)
                current[parameter.name] = values.get(parameter.name, current[parameter.name])
        return rows

    def default(self) -> dict[str, Any]:
        """The starting configuration's own values, each moved into its range where a space file excludes it."""
        return self.nearest(self._base)

    def nearest(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters with the values of a configuration, given flat, each moved into its range."""
        current, params = {**self._base, **values}, dict[str, Any]()
        for parameter in self.parameters:
            if conditions_hold(parameter.when, current):
                current[parameter.name] = params[parameter.name] = parameter.clip(current[parameter.name])
        return params

    def decode(self, units: Mapping[str, float]) -> dict[str, Any]:
        """Parameters from places in [0, 1]; those that are not asked are left out."""
        current, params = dict(self._base), dict[str, Any]()
        for parameter in self.parameters:
            if conditions_hold(parameter.when, current):
                value = parameter.from_unit(units[parameter.name])
                current[parameter.name] = params[parameter.name] = value
        return params

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for the record."""
        rows: dict[str, dict[str, Any]] = {}
        for row in self.parameters:
            rows[row.name] = {"kind": row.kind, "when": list(row.when)}
            if row.kind in ("categorical", "bool"):
                rows[row.name] |= {"choices": list(row.choices)}
            else:
                rows[row.name] |= {"low": row.low, "high": row.high}
            if row.kind == "bool":
                rows[row.name] |= {"prior": row.prior}
        return {"parameters": rows, "fixed": dict(self.fixed)}


def conditions_hold(conditions: Sequence[str], values: Mapping[str, Any]) -> bool:
    """Whether all conditions hold, each being alternatives such as "switches.da | !switches.dm"."""
    return all(any(_true(term.strip(), values) for term in condition.split("|")) for condition in conditions)


def _true(term: str, values: Mapping[str, Any]) -> bool:
    return not values[term[1:].strip()] if term.startswith("!") else bool(values[term])


def condition_names(conditions: Sequence[str]) -> list[str]:
    """The dotted names that conditions speak of."""
    return [term.strip().lstrip("!").strip() for condition in conditions for term in condition.split("|")]


def checked_space(base: Config, parameters: Sequence[Parameter], fixed: Mapping[str, Any]) -> Space:
    """A space whose every row makes sense for `base`, in the order in which it must be asked.

    Raises:
        UserError: an unknown name, a range or type that cannot be, or conditions that go in a circle.
    """
    base = with_overrides(base, fixed)
    known = base.flat()
    for row in parameters:
        if row.name not in known:
            raise UserError(f"unknown parameter {row.name!r} in the search space: no such setting of a configuration")
        _check(row, base)
        for name in condition_names(row.when):
            if not isinstance(known.get(name), bool):
                raise UserError(f"search space: {row.name!r} asks for {name!r}, which is no switch of a configuration")
    return Space(base, _ordered(parameters), dict(fixed))


def _check(row: Parameter, base: Config) -> None:
    what = f"search space: {row.name!r}"
    if row.kind not in KINDS:
        raise UserError(f"{what} has the unknown kind {row.kind!r}: choose {', '.join(KINDS)}")
    if row.kind in ("categorical", "bool"):
        values = list(row.choices)
        if len(values) < 2 or len(set(map(repr, values))) < len(values):
            raise UserError(f"{what} needs two or more different choices")
        if row.kind == "bool" and not 0 < row.prior < 1:
            raise UserError(f"{what} has prior {row.prior}: it must lie between 0 and 1")
    else:
        if not (math.isfinite(row.low) and math.isfinite(row.high) and row.low < row.high):
            raise UserError(f"{what} has the range {row.low} to {row.high}: low must be below high, both finite")
        if row.kind == "log" and row.low <= 0:
            raise UserError(f"{what} has a log range from {row.low}: it must begin above 0")
        if row.kind == "int" and (row.low != int(row.low) or row.high != int(row.high)):
            raise UserError(f"{what} has kind int and the range {row.low} to {row.high}: give whole numbers")
        values = [int(row.low), int(row.high)] if row.kind == "int" else [row.low, row.high]
    for value in values:
        with_overrides(base, {row.name: value})  # the configuration's own check of names and types


def _ordered(parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    left = {row.name: row for row in parameters}
    if len(left) < len(parameters):
        raise UserError("search space: a parameter is named twice")
    done: list[Parameter] = []
    while left:
        free = [row for row in left.values() if not any(name in left for name in condition_names(row.when))]
        if not free:
            raise UserError(f"search space: the conditions of {', '.join(left)} go in a circle")
        done += free
        for row in free:
            del left[row.name]
    return tuple(done)
