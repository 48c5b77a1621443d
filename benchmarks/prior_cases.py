"""A good and a misleading prior of each test function, as a person might give them in a space file.

- prior-right: at the optimum, off by a normal error in each dimension, as large as medium confidence says.
- prior-wrong: at the worst of 1,000 random points, given with the same confidence.

Switches with a range of choices have the choice as their prior, those of kind bool a probability of 0.8.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from benchmarks.fidelity_functions import Function, Vector
from tuning.search.priors import DEVIATIONS
from tuning.search.space import Confidence, Space

Case = Literal["prior-right", "prior-wrong"]
CASES: tuple[Case, ...] = get_args(Case)
CONFIDENCE: Confidence = "medium"
PROBABILITY = 0.8
POINTS = 1000

OPTIMA: Mapping[str, tuple[tuple[float, ...], ...]] = {
    "branin": (
        ((math.pi + 5) / 15, 2.275 / 15),
        ((5 - math.pi) / 15, 12.275 / 15),
        ((3 * math.pi + 5) / 15, 2.475 / 15),
    ),
    "currin": ((13 / 60, 0.0),),
    "borehole": ((1, 0, 1, 1, 1, 0, 0, 1),),
    "counting-ones": ((1,) * 16,),
    "hartmann3": ((0.114614, 0.555649, 0.852547),),
    "hartmann6": ((0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573),),
    "rosenbrock10": ((0.75,) * 10,),
    "tree": ((0, 0, 1, 0.5, 0.5, *(0.9,) * 6, 0, 0.9),),
    "loss-terms": ((1, 1, 1, 1, 1, 0, 0.3, 0.7, 0.5, 0.2, 0.8, 0.9, 0.4, 0.6, 0.3, 0.45),),
}
"""The best points of each function, without the grade of its fidelities."""


def optima(function: Function) -> tuple[tuple[float, ...], ...]:
    """The best points of a function."""
    return OPTIMA[function.name if function.name in OPTIMA else function.name.split("-")[0]]


def random_point(function: Function, draw: np.random.Generator) -> Vector:
    """A uniform point (dims,)."""
    point = draw.random(function.dims)
    point[: function.switches] = np.round(point[: function.switches])
    return point


def prior_point(function: Function, case: Case, seed: int) -> Vector:
    """What is believed to be good (dims,)."""
    draw = np.random.default_rng([seed, 2])
    if case == "prior-wrong":
        return min((random_point(function, draw) for _ in range(POINTS)), key=function.true)
    point = np.array(optima(function)[0], dtype=np.float64)
    errors = DEVIATIONS[CONFIDENCE] * draw.standard_normal(function.dims)
    errors[: function.switches] = 0
    return np.clip(point + errors, 0, 1)


def with_prior(space: Space, point: Vector) -> Space:
    """The space with the point, whose dimensions are those of the space's parameters, as its prior."""
    rows = []
    for row, value in zip(space.parameters, point.tolist(), strict=True):
        if row.kind == "bool":
            rows.append(replace(row, prior=PROBABILITY if value else 1 - PROBABILITY))
        else:
            prior = row.choices[int(value)] if row.kind == "categorical" else value
            rows.append(replace(row, prior=prior, confidence=CONFIDENCE))
    return replace(space, parameters=tuple(rows))
