"""A search space as data: parameters of a configuration by dotted name, their ranges and their conditions.

A parameter is active if its conditions hold. An inactive parameter keeps its value of the base configuration.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from amc.config import Config, with_overrides
from amc.errors import UserError
from amc.methods import check_config

Kind = Literal["float", "log", "int", "categorical", "bool"]
KINDS: tuple[Kind, ...] = ("float", "log", "int", "categorical", "bool")
Confidence = Literal["low", "medium", "high"]
CONFIDENCES: tuple[Confidence, ...] = ("low", "medium", "high")


@dataclass(frozen=True)
class Parameter:
    """One dimension of a search space.

    Attributes:
        name: dotted name of a field of `amc.config.Config`.
        kind: `log` is a float on a logarithmic scale.
        low, high: the range, both ends included (float, log, int).
        choices: the possible values (categorical, bool).
        prior: a value that is believed to be good (`tuning.search.priors`); None if nothing is known. For a bool, the
            prior probability of True, 0.5 by default. Ablated models are usually worse, and a probability of 0.5 for
            each of six switches would spend most trials on degraded models.
        confidence: in `prior`, unless the kind is bool.
        when: conditions, all of which must hold: "switches.da" (true), "!switches.da" (false), alternatives with "|".
    """

    name: str
    kind: Kind
    low: float = 0.0
    high: float = 0.0
    choices: tuple[Any, ...] = ()
    prior: Any = None
    when: tuple[str, ...] = ()
    confidence: Confidence = "medium"
    frozen: Any = None

    @property
    def probability(self) -> float:
        """Prior probability of True (bool)."""
        return 0.5 if self.prior is None else float(self.prior)

    @property
    def has_prior_value(self) -> bool:
        """Whether a value in the range is believed to be good, and others may be proposed."""
        return self.kind != "bool" and self.prior is not None and self.frozen is None and self.contains(self.prior)

    def clip(self, value: Any) -> Any:
        """The frozen value, else the nearest value within the range; the first choice if `value` is not one."""
        return self._nearest(value) if self.frozen is None else self.frozen

    def _nearest(self, value: Any) -> Any:
        if self.kind in ("categorical", "bool"):
            return value if value in self.choices else self.choices[0]
        nearest = min(max(value, self.low), self.high)
        return round(nearest) if self.kind == "int" else float(nearest)

    def contains(self, value: Any) -> bool:
        """Whether `value` lies within the range or is one of the choices."""
        if self.choices:  # True is no choice where 1 is
            return any(
                value == choice and isinstance(value, bool) == isinstance(choice, bool) for choice in self.choices
            )
        return bool(self._nearest(value) == value)

    @property
    def range_text(self) -> str:
        """The range or the choices, for messages."""
        return ", ".join(map(str, self.choices)) if self.choices else f"{self.low:g} to {self.high:g}"

    # Samplers propose positions in [0, 1], for every kind of parameter; for a bool, the share `probability`
    # of the interval is True.

    def to_unit(self, value: Any) -> float:
        """The position of a value in [0, 1]; each choice has an interval, and its position is the middle of that."""
        if self.kind == "bool":
            return self.probability / 2 if value else (1 + self.probability) / 2
        if self.kind == "categorical":
            return (self.choices.index(value) + 0.5) / len(self.choices)
        low, high = self.low, self.high
        if self.kind == "int":
            return float((value - low + 0.5) / (high - low + 1))
        if self.kind == "log":
            value, low, high = math.log(value), math.log(low), math.log(high)
        return float((value - low) / (high - low))

    def from_unit(self, unit: float) -> Any:
        """The value at a position in [0, 1]; the frozen value everywhere."""
        if self.frozen is not None:
            return self.frozen
        if self.kind == "bool":
            return unit < self.probability
        if self.kind == "categorical":
            return self.choices[min(int(unit * len(self.choices)), len(self.choices) - 1)]
        low, high = self.low, self.high
        if self.kind == "int":
            return int(min(low + int(unit * (high - low + 1)), high))
        if self.kind == "log":
            return float(min(max(math.exp(math.log(low) + unit * math.log(high / low)), low), high))
        return float(low + unit * (high - low))

    def grid(self, points: int) -> tuple[Any, ...]:
        """All choices, or up to `points` values spread evenly over the range with its ends; or the frozen value."""
        if self.frozen is not None:
            return (self.frozen,)
        if self.kind in ("categorical", "bool"):
            return self.choices
        if self.kind == "int" and self.high - self.low < points:
            return tuple(range(int(self.low), int(self.high) + 1))
        spread = (self.from_unit(index / (points - 1)) for index in range(points))
        return tuple(dict.fromkeys(spread))


@dataclass(frozen=True)
class Space:
    """A search space; `checked_space` makes one.

    Attributes:
        base: the configuration that the parameters change; it includes `fixed`.
        parameters: each comes after those that its conditions name.
        fixed: settings that a space file gives to all trials, by dotted name.
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
        """The active parameters, given values by dotted name."""
        current = dict(self._base)
        rows = []
        for parameter in self.parameters:
            if conditions_hold(parameter.when, current):
                rows.append(parameter)
                current[parameter.name] = values.get(parameter.name, current[parameter.name])
        return rows

    def default(self) -> dict[str, Any]:
        """The values of the base configuration, each moved to the nearest one in its range."""
        return self.nearest(self._base)

    def starting_point(self, number: int) -> dict[str, Any] | None:
        """What trial `number` of any search is: 0 the base configuration, 1 the same with the values of the priors.

        None for a later trial, or if the priors change nothing.
        """
        if number > 1:
            return None
        point = self.with_priors() if number else self.default()
        return None if number and point == self.default() else point

    @property
    def has_priors(self) -> bool:
        """Whether a value of any parameter is believed to be good."""
        return any(row.has_prior_value for row in self.parameters)

    @property
    def searches_steps(self) -> bool:
        """Whether the number of training steps is a parameter, so that trials have budgets of their own."""
        return any(row.name == "training.steps" for row in self.parameters)

    def with_priors(self) -> dict[str, Any]:
        """The values of the base configuration, or of the priors where there are any."""
        return self.nearest({row.name: row.prior for row in self.parameters if row.has_prior_value})

    def nearest(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values of a configuration, given by dotted name, each moved to the nearest one in its range."""
        current, params = {**self._base, **values}, dict[str, Any]()
        for parameter in self.parameters:
            if conditions_hold(parameter.when, current):
                current[parameter.name] = params[parameter.name] = parameter.clip(current[parameter.name])
        return params

    def decode(self, units: Mapping[str, float]) -> dict[str, Any]:
        """The values of the active parameters, from positions in [0, 1] of all parameters."""
        current, params = dict(self._base), dict[str, Any]()
        for parameter in self.parameters:
            if conditions_hold(parameter.when, current):
                value = parameter.from_unit(units[parameter.name])
                current[parameter.name] = params[parameter.name] = value
        return params

    def to_dict(self) -> dict[str, Any]:
        """JSON values, for the record."""
        rows: dict[str, dict[str, Any]] = {}
        for row in self.parameters:
            rows[row.name] = {"kind": row.kind, "when": list(row.when)}
            if row.kind in ("categorical", "bool"):
                rows[row.name] |= {"choices": list(row.choices)}
            else:
                rows[row.name] |= {"low": row.low, "high": row.high}
            if row.kind == "bool":
                rows[row.name] |= {"prior": row.probability}
            elif row.has_prior_value:
                rows[row.name] |= {"prior": row.prior, "confidence": row.confidence}
        return {"parameters": rows, "fixed": dict(self.fixed)}


def conditions_hold(conditions: Sequence[str], values: Mapping[str, Any]) -> bool:
    """Whether all conditions hold; each may list alternatives, such as "switches.da | !switches.dm"."""
    return all(any(_term_holds(term.strip(), values) for term in condition.split("|")) for condition in conditions)


def _term_holds(term: str, values: Mapping[str, Any]) -> bool:
    return not values[term[1:].strip()] if term.startswith("!") else bool(values[term])


def condition_names(conditions: Sequence[str]) -> list[str]:
    """The dotted names in conditions."""
    return [term.strip().lstrip("!").strip() for condition in conditions for term in condition.split("|")]


def checked_space(base: Config, parameters: Sequence[Parameter], fixed: Mapping[str, Any]) -> Space:
    """Checks parameters and orders them by their conditions.

    Args:
        base: the configuration, without `fixed`.

    Raises:
        UserError: a name is unknown, a range or type is invalid, conditions are circular, or the method does not fit
            the clips with `fixed`.
    """
    base = with_overrides(base, fixed)
    check_config(base)
    known = base.flat()
    for row in parameters:
        if row.name not in known:
            raise UserError(f"search space: unknown parameter {row.name!r}: a configuration has no such setting")
        check_parameter(row, base)
        for name in condition_names(row.when):
            if not isinstance(known.get(name), bool):
                raise UserError(f"search space: the condition of {row.name!r} names {name!r}, which is not a switch")
    return Space(base, _in_order(parameters), dict(fixed))


def check_parameter(row: Parameter, base: Config) -> None:
    """Checks the range or choices, the prior and their types.

    Raises:
        UserError: one of them is invalid.
    """
    what = f"search space: {row.name!r}"
    if row.kind not in KINDS:
        raise UserError(f"{what} has unknown kind {row.kind!r}: choose from {', '.join(KINDS)}")
    if row.kind in ("categorical", "bool"):
        values = list(row.choices)
        if len(values) < 2 or len(set(map(repr, values))) < len(values):
            raise UserError(f"{what} needs two or more different choices")
        if row.kind == "bool" and not 0 < row.probability < 1:
            raise UserError(f"{what} has prior {row.prior}: it must be between 0 and 1")
    else:
        if not (math.isfinite(row.low) and math.isfinite(row.high) and row.low < row.high):
            raise UserError(f"{what} has the range {row.low} to {row.high}: low must be below high, both finite")
        if row.kind == "log" and row.low <= 0:
            raise UserError(f"{what} has a log range from {row.low}: low must be above 0")
        if row.kind == "int" and (row.low != int(row.low) or row.high != int(row.high)):
            raise UserError(f"{what} has kind int and the range {row.low} to {row.high}: give whole numbers")
        values = [int(row.low), int(row.high)] if row.kind == "int" else [row.low, row.high]
    for value in values:
        with_overrides(base, {row.name: value})  # checks name and type
    _check_prior(row, base, what)


def _check_prior(row: Parameter, base: Config, what: str) -> None:
    if row.confidence not in CONFIDENCES:
        raise UserError(f"{what} has unknown confidence {row.confidence!r}: choose from {', '.join(CONFIDENCES)}")
    if row.kind == "bool" or row.prior is None:
        return
    if row.kind != "categorical":
        with_overrides(base, {row.name: row.prior})  # checks the type
    if not row.contains(row.prior):
        raise UserError(f"{what} has prior {row.prior!r}, which is not in its range ({row.range_text})")


def _in_order(parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    left = {row.name: row for row in parameters}
    if len(left) < len(parameters):
        raise UserError("search space: a parameter is defined twice")
    done: list[Parameter] = []
    while left:
        free = [row for row in left.values() if not any(name in left for name in condition_names(row.when))]
        if not free:
            raise UserError(f"search space: the conditions of {', '.join(left)} are circular")
        done += free
        for row in free:
            del left[row.name]
    return tuple(done)
