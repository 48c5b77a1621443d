"""Published multi-fidelity test functions as training curves: the values that a trial reports after each step.

All are maximised over the unit cube; functions that the literature minimises have the opposite sign. Fidelity z in
[0, 1] is the trial's progress. At z = 1 a curve ends at the true value, so regret is known exactly.

- branin: Kandasamy et al., "Multi-fidelity Bayesian optimisation with continuous approximations", ICML 2017, as in
  their Dragonfly library; z grows linearly with the steps.
- currin, borehole: both fidelities of Xiong et al., Technometrics 55(1), 2013, mixed as z high + (1 - z) low.
- hartmann3-*, hartmann6-*: MF-Prior-Bench (Mallik et al., "PriorBand", NeurIPS 2023): bias and noise shrink with the
  logarithm of the step. The grades good, moderate, bad and terrible are those of MF-Prior-Bench.
- counting-ones: Falkner et al., "BOHB", ICML 2018, section 5.1: 8 categorical and 8 continuous dimensions; the
  latter are estimated from Bernoulli draws, of which a complete trial makes 729.
- branin-curve, hartmann6-curve: a power law that ends at the true value, y(t) = y0 + (y - y0) (1 - c t^-a) (pow3 of
  Domhan et al., IJCAI 2015). The last parameter sets the exponent, as a learning rate would, so curves cross.
- rosenbrock10: the first two fidelities of Mainini et al., "Analytical benchmark problems for multifidelity
  optimization methods", 2022, in 10 dimensions, mixed as z high + (1 - z) low.
- tree: the conditional function of Jenatton et al., "Bayesian optimization with tree-structured dependencies", ICML
  2017, with two numbers in each leaf instead of one (13 dimensions), as power-law curves.
- loss-terms: defined here, after this project's own search space: switches of six loss terms, each with a weight that
  is active only if the term is on, and four other numbers (16 dimensions). Curves are power laws; each report is an
  accuracy on 360 clips, with its sampling noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Curve = Callable[[Vector, int, np.random.Generator], Vector]


@dataclass(frozen=True)
class Function:
    """One test function.

    Attributes:
        dims: number of dimensions, each in [0, 1]; the first `switches` of them are either 0 or 1.
        best: the highest true value.
        true: value at full fidelity, without noise, of a point (dims,).
        curve: `curve(point, steps, draw)` gives the reports (steps,) of a trial; `draw` is the trial's own noise.
        conditions: {dimension: ((switch, value), ...)}: the dimension has an effect only if all these switches have
            these values. Other dimensions always have one.
    """

    name: str
    dims: int
    best: float
    true: Callable[[Vector], float]
    curve: Curve
    switches: int = 0
    conditions: Mapping[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)

    def is_active(self, dimension: int, point: Mapping[int, float] | Vector) -> bool:
        """Whether a dimension has an effect, given the switches."""
        return all(point[switch] == value for switch, value in self.conditions.get(dimension, ()))

    def regret(self, point: Vector) -> float:
        """How far a point's true value is below the best; never negative, since `best` is rounded."""
        return max(0.0, self.best - self.true(point))


def linear(steps: int) -> Vector:
    """Fidelities (steps,) after each step; the last is 1."""
    return np.arange(1, steps + 1) / steps


def logarithmic(steps: int) -> Vector:
    """Fidelities (steps,) from 0 to 1, as evenly spread as the logarithms of the steps."""
    return np.ones(1) if steps == 1 else np.log(np.arange(1, steps + 1)) / math.log(steps)


def _at_fidelities(value: Callable[[Vector, Vector], Vector]) -> tuple[Callable[[Vector], float], Curve]:
    """The true value and the noiseless curve of `value(point, z)`, z an array."""

    def true(point: Vector) -> float:
        return float(value(point, np.ones(1))[0])

    def curve(point: Vector, steps: int, draw: np.random.Generator) -> Vector:
        return value(point, linear(steps))

    return true, curve


def branin(point: Vector, z: Vector) -> Vector:
    """Branin on [-5, 10] x [0, 15], negated; b, c and t are wrong by (1 - z) times 0.01, 0.1 and -0.005."""
    x1, x2 = 15 * point[0] - 5, 15 * point[1]
    b = 5.1 / (4 * math.pi**2) - 0.01 * (1 - z)
    c = 5 / math.pi - 0.1 * (1 - z)
    t = 1 / (8 * math.pi) + 0.005 * (1 - z)
    found: Vector = -((x2 - b * x1**2 + c * x1 - 6) ** 2 + 10 * (1 - t) * math.cos(x1) + 10)
    return found


def currin(point: Vector, z: Vector) -> Vector:
    """Currin's exponential function; z mixes it with its mean over four neighbouring points."""
    x1, x2 = float(point[0]), float(point[1])
    around = [_currin(x1 + dx, max(0.0, x2 + dy)) for dx in (-0.05, 0.05) for dy in (-0.05, 0.05)]
    found: Vector = z * _currin(x1, x2) + (1 - z) * math.fsum(around) / 4
    return found


def _currin(x1: float, x2: float) -> float:
    fade = math.exp(-1 / (2 * x2)) if x2 > 0 else 0.0
    return (1 - fade) * (2300 * x1**3 + 1900 * x1**2 + 2092 * x1 + 60) / (100 * x1**3 + 500 * x1**2 + 4 * x1 + 20)


_BOREHOLE_LOW = np.array([0.05, 100, 63_070, 990, 63.1, 700, 1_120, 9_855])
_BOREHOLE_HIGH = np.array([0.15, 50_000, 115_600, 1_110, 116, 820, 1_680, 12_045])


def borehole(point: Vector, z: Vector) -> Vector:
    """Flow through a borehole in m^3 a year; z mixes the accurate and the coarse model."""
    rw, r, tu, hu, tl, hl, length, kw = _BOREHOLE_LOW + point * (_BOREHOLE_HIGH - _BOREHOLE_LOW)
    log = math.log(r / rw)
    drag = 2 * length * tu / (log * rw**2 * kw)
    high = 2 * math.pi * tu * (hu - hl) / (log * (1 + drag + tu / tl))
    low = 5 * tu * (hu - hl) / (log * (1.5 + drag + tu / tl))
    found: Vector = z * high + (1 - z) * low
    return found


@dataclass(frozen=True)
class Hartmann:
    """Hartmann's function: a sum of four bumps with heights `ALPHA`."""

    a: Vector
    p: Vector

    def bumps(self, point: Vector) -> Vector:
        """The fraction of each bump's height (4,) at a point, in [0, 1]."""
        found: Vector = np.exp(-np.sum(self.a * (point - self.p) ** 2, axis=1))
        return found

    def true(self, point: Vector) -> float:
        """The value, which is positive; higher is better."""
        return float(ALPHA @ self.bumps(point))


ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
_HARTMANN3 = Hartmann(
    np.array([[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]]),
    1e-4 * np.array([[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]]),
)
_HARTMANN6 = Hartmann(
    np.array(
        [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
    ),
    1e-4
    * np.array(
        [
            [1312, 1696, 5569, 124, 8283, 5886],
            [2329, 4135, 8307, 3736, 1004, 9991],
            [2348, 1451, 3522, 2883, 3047, 6650],
            [4047, 8828, 8732, 5743, 1091, 381],
        ]
    ),
)
# MF-Prior-Bench: at the first step, by how much each bump is too low, and the standard deviation of the noise.
_GRADES = {"good": (2.5, 2.0), "moderate": (3.0, 3.0), "bad": (3.5, 4.0), "terrible": (4.0, 5.0)}


def _hartmann(name: str, function: Hartmann, best: float, grade: str) -> Function:
    bias, noise = _GRADES[grade]

    def curve(point: Vector, steps: int, draw: np.random.Generator) -> Vector:
        left = 1 - logarithmic(steps)
        bumps = function.bumps(point)
        found: Vector = (ALPHA - bias * left[:, None]) @ bumps - noise * left * np.abs(draw.standard_normal(steps))
        return found

    return Function(f"{name}-{grade}", function.p.shape[1], best, function.true, curve)


COUNTING = 8  # dimensions of each kind
DRAWS = 729  # Bernoulli draws of a complete trial per continuous dimension


def _counting_ones(point: Vector, steps: int, draw: np.random.Generator) -> Vector:
    per_step = -(-DRAWS // steps)
    chances = np.clip(point[COUNTING:], 0, 1)
    ones = np.cumsum(draw.binomial(per_step, chances, size=(steps, COUNTING)), axis=0)
    seen: Vector = point[:COUNTING].sum() + (ones / (per_step * np.arange(1, steps + 1)[:, None])).sum(axis=1)
    return seen


def power_law(start: float, end: float, speed: float, steps: int) -> Vector:
    """A learning curve (steps,) that begins near `start` and is at `end` after the last step.

    Args:
        speed: in [0, 1], as a learning rate: the exponent is 0.3 at 0 and 1.5 at 1, so curves cross.
    """
    exponent = 0.3 + 1.2 * speed
    left = np.arange(1, steps + 1, dtype=np.float64) ** -exponent - steps**-exponent
    found: Vector = start + (end - start) * (1 - 0.9 * left)
    return found


def with_curve(function: Function, chance: float) -> Function:
    """The function with power-law curves that begin near `chance`; the last dimension is their speed."""

    def curve(point: Vector, steps: int, draw: np.random.Generator) -> Vector:
        return power_law(chance, function.true(point), float(point[-1]), steps)

    return replace(function, name=f"{function.name.split('-')[0]}-curve", curve=curve)


def rosenbrock(point: Vector, z: Vector) -> Vector:
    """Rosenbrock's function on [-2, 2]^d, negated; z mixes it with a valley of half the depth around another point."""
    x = 4 * point - 2
    bends = (x[1:] - x[:-1] ** 2) ** 2
    high = np.sum(100 * bends + (1 - x[:-1]) ** 2)
    low = np.sum(50 * bends + (-2 - x[:-1]) ** 2) - np.sum(0.5 * x)
    found: Vector = -(z * high + (1 - z) * low)
    return found


# Dimensions of the tree: switches 0, 1 and 2; two numbers in each of four leaves; one shared by two leaves each.
_LEAVES = {(0, 0): 0, (0, 1): 1, (1, 0): 2, (1, 1): 3}  # {(switch 0, switch 1 or 2): leaf}
_LEAF, _SHARED = 3, 11  # the first dimension of the leaves and of the shared numbers


def _tree_speed(point: Vector) -> float:
    return float(point[_SHARED + int(point[0])])


def _tree(point: Vector) -> float:
    """Leaf i has 0.1 (i + 1) + a^2 + b^2 + r, negated, with a and b in [-1, 1] and r in [0, 1] shared by two leaves."""
    leaf = _LEAVES[int(point[0]), int(point[1 + int(point[0])])]
    numbers = 2 * point[_LEAF + 2 * leaf : _LEAF + 2 * leaf + 2] - 1
    return -float(0.1 * (leaf + 1) + np.sum(numbers**2) + _tree_speed(point))


def _tree_curve(point: Vector, steps: int, draw: np.random.Generator) -> Vector:
    return power_law(-3.4, _tree(point), _tree_speed(point), steps)  # the worst value; r slows the best leaves down


def _tree_conditions() -> dict[int, tuple[tuple[int, int], ...]]:
    found: dict[int, tuple[tuple[int, int], ...]] = {1: ((0, 0),), 2: ((0, 1),)}
    for (first, second), leaf in _LEAVES.items():
        for dimension in (_LEAF + 2 * leaf, _LEAF + 2 * leaf + 1):
            found[dimension] = ((0, first), (1 + first, second))
    return found | {_SHARED: ((0, 0),), _SHARED + 1: ((0, 1),)}


# Loss terms: what each costs if it is off, its best weight, and what it costs if it is on; the last one only harms.
_MISSING = np.array([0.6, 0.4, 0.2, 0.1, 0.05, 0.0])
_WEIGHTS = np.array([0.3, 0.7, 0.5, 0.2, 0.8, 0.0])
_PRESENT = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.1])
TERMS = len(_MISSING)
CLIPS = 360  # that an accuracy is measured on
_TOP, _CHANCE = 0.95, 1 / 24


def loss_terms(point: Vector) -> float:
    """An accuracy, 0.95 exp(-cost): costs of missing terms and wrong weights, and a bowl of the four other numbers.

    The best learning rate, the last dimension, falls by 0.05 with each term that is on.
    """
    on, weights, (beta, batch, width, rate) = point[:TERMS] == 1, point[TERMS : 2 * TERMS], point[2 * TERMS :]
    scale = np.maximum(4 * _MISSING, 0.2)
    terms = float(np.sum(np.where(on, _PRESENT + scale * (weights - _WEIGHTS) ** 2, _MISSING)))
    others = (beta - 0.4) ** 2 + 0.5 * (batch - 0.6) ** 2 + 0.5 * (width - 0.3) ** 2
    return _TOP * math.exp(-(terms + float(others) + 4 * (float(rate) - (0.7 - 0.05 * int(on.sum()))) ** 2))


def _accuracies(point: Vector, steps: int, draw: np.random.Generator) -> Vector:
    expected = power_law(_CHANCE, loss_terms(point), float(point[-1]), steps)
    return draw.binomial(CLIPS, np.clip(expected, 0, 1)) / CLIPS


def _functions() -> dict[str, Function]:
    rows = [
        Function("branin", 2, -0.39788735773, *_at_fidelities(branin)),
        Function("currin", 2, 13.798722044728, *_at_fidelities(currin)),
        Function("borehole", 8, 309.5755876604, *_at_fidelities(borehole)),
        Function(
            "counting-ones", 2 * COUNTING, 2.0 * COUNTING, lambda x: float(x.sum()), _counting_ones, switches=COUNTING
        ),
    ]
    for grade in _GRADES:
        rows.append(_hartmann("hartmann3", _HARTMANN3, 3.86278214782, grade))
        rows.append(_hartmann("hartmann6", _HARTMANN6, 3.32236801142, grade))
    rows.append(with_curve(rows[0], chance=-300.0))  # Branin's worst is -308
    rows.append(with_curve(rows[-2], chance=0.0))
    rows += [
        Function("rosenbrock10", 10, 0.0, *_at_fidelities(rosenbrock)),
        Function("tree", 13, -0.1, _tree, _tree_curve, switches=3, conditions=_tree_conditions()),
        Function(
            "loss-terms",
            2 * TERMS + 4,
            _TOP,
            loss_terms,
            _accuracies,
            switches=TERMS,
            conditions={TERMS + term: ((term, 1),) for term in range(TERMS)},
        ),
    ]
    return {row.name: row for row in rows}


FUNCTIONS: Mapping[str, Function] = _functions()

FULL = ("branin", "currin", "borehole", "counting-ones", "hartmann3-good", "hartmann3-bad", "hartmann6-moderate")
CURVES = ("branin-curve", "hartmann6-curve")
LARGE = ("rosenbrock10", "tree", "loss-terms")  # 10 or more dimensions; the last two are conditional
COMPARED = (*FULL, *CURVES, *LARGE)
"""What the benchmarks of searches use unless told otherwise."""
