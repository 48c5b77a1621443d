"""A search space as an array: every parameter has a feature, an inactive one that of its base value."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuning.search.space import Parameter, Space

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

BELOW = -1.0  # feature of 0 where the range is logarithmic, and of all values that lie further than that below it


class FlatSpace:
    """Features of configurations: of a number its position in [0, 1], of a choice its index.

    Attributes:
        choices: (d,), which features are indices of choices.
        base: features (d,) of the base configuration.
    """

    def __init__(self, space: Space) -> None:
        self.space, self.rows = space, space.parameters
        self.choices: Mask = np.array([bool(row.choices) for row in self.rows])
        values = space.base.flat()
        self._base_values = values
        self.base: Array = np.array([_feature(row, row.clip(values[row.name])) for row in self.rows])

    def encode(self, params: Mapping[str, Any]) -> Array:
        """Features (d,) of a trial's parameters; a number may lie outside the present range, and a choice be unknown,
        with a feature of its own. A value that is no number where the space has one is left out."""
        features = self.base.copy()
        for column, row in enumerate(self.rows):
            value = params.get(row.name)
            if row.name in params and (row.choices or isinstance(value, (int, float))):
                features[column] = _feature(row, value)
        return features

    def features(self, units: Array) -> Array:
        """Features (m, d) of the configurations at positions (m, d) in [0, 1] (`Space.decode`)."""
        return self.decoded(units)[0]

    def decoded(self, units: Array) -> tuple[Array, Mask]:
        """Features (m, d) as in `features`, and which parameters are active there (m, d)."""
        found, activity = np.empty_like(units), np.empty(units.shape, dtype=np.bool_)
        known: dict[str, Mask] = {}
        for column, row in enumerate(self.rows):
            active = activity[:, column] = self._active(row, known, len(units))
            found[:, column] = np.where(active, _snapped(row, units[:, column]), self.base[column])
            if row.choices:
                truths = np.array([bool(choice) for choice in row.choices])
                base = bool(self._base_values[row.name])
                known[row.name] = np.where(active, truths[found[:, column].astype(int)], base)
        return found, activity

    def _active(self, row: Parameter, known: Mapping[str, Mask], count: int) -> Mask:
        active = np.ones(count, dtype=np.bool_)
        for condition in row.when:
            holds = np.zeros(count, dtype=np.bool_)
            for term in condition.split("|"):
                name = term.strip().lstrip("!").strip()
                value = known.get(name, np.bool_(self._base_values[name]))
                holds |= ~value if term.strip().startswith("!") else value
            active &= holds
        return active

    @cached_property
    def smallest_moves(self) -> Array:
        """The smallest change (d,) of a position that changes a value: for whole numbers one over their count."""
        return np.array([1 / (row.high - row.low + 1) if row.kind == "int" else 0.0 for row in self.rows])

    @cached_property
    def counts(self) -> Array:
        """The number of choices (d,) of each parameter; 1 for a number."""
        return np.array([max(1.0, float(len(row.choices))) for row in self.rows])

    def units(self, features: Array) -> Array:
        """Positions (m, d) in [0, 1] that have these features."""
        found = np.clip(features, 0.0, 1.0)
        for column, row in enumerate(self.rows):
            if row.choices:
                positions = np.array([row.to_unit(choice) for choice in row.choices])
                found[:, column] = positions[np.clip(features[:, column], 0, len(positions) - 1).astype(int)]
        return found


def _feature(row: Parameter, value: Any) -> float:
    if row.kind == "log":  # a weight may be 0 in a trial of another space
        return max(row.to_unit(value), BELOW) if value > 0 else BELOW
    if not row.choices:
        return row.to_unit(value)
    return float(row.choices.index(value)) if value in row.choices else -1.0


def _snapped(row: Parameter, units: Array) -> Array:
    """Features of the values of one parameter at positions in [0, 1]."""
    if row.frozen is not None:
        return np.full_like(units, _feature(row, row.frozen))
    if row.kind == "bool":
        return np.where(units < row.probability, float(row.choices.index(True)), float(row.choices.index(False)))
    if row.choices:
        return np.minimum(np.floor(units * len(row.choices)), len(row.choices) - 1)
    if row.kind == "int":
        count = row.high - row.low + 1
        return (np.minimum(np.floor(units * count), count - 1) + 0.5) / count
    return units
