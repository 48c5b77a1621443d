"""Bayesian optimization with a Gaussian process over parameters and training progress (`curve_process`).

The first trials are those of `Space.starting_point` and a scrambled Sobol sequence, every other one drawn from the
priors. From then on a proposal maximizes the expected improvement at the full budget, given the reports of all trials:
complete, pruned and running. Trials that still run are also taken to end at the process's mean, so that simultaneous
proposals differ. A failed trial counts as the worst trial.

Every other proposal prefers longer lengthscales, because a single estimate underestimates its own error: with short
lengthscales a process learns little in many dimensions, and with long ones it finds nothing left to explore in few and
stays at a local optimum.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from analysis.record.states import COMPLETE, ENDED
from tuning.search.priors import drawn, joint_log_density
from tuning.search.samplers.base import SearchHistory, is_repeat, random_generator
from tuning.search.samplers.curve_data import Reports, curve_data, reports_of
from tuning.search.samplers.curve_process import Array, CurveProcess, fit, one_thread
from tuning.search.samplers.flat_space import FlatSpace
from tuning.search.space import Space

STARTUP = 6  # trials before the process is used, imported ones included
CANDIDATES = 1024  # of a Sobol sequence
STARTS = 8  # of the local search
ROUNDS, BRANCHES = 12, 24  # of the local search
PRIOR_TRIALS = 3.0  # the priors' density to this power over the number of trials weights the improvement


class GPSampler:
    """Expected improvement under a Gaussian process.

    With several objectives, a trial's value is its rank (`analysis.record.ranking`). Trials that violate a constraint
    count as worse than all others, the more the larger the violation.
    """

    def __init__(self, space: Space, seed: int) -> None:
        self.space, self.seed = space, seed
        self.flat, self.rows = FlatSpace(space), space.parameters

    def propose(self, number: int, history: SearchHistory) -> dict[str, Any] | None:
        """See `Sampler`."""
        start = self.space.starting_point(number)
        if start is not None:
            return start
        names = [row.name for row in self.rows]
        with one_thread():
            ranked = self._ranked_units(number, history)
        found = (self.space.decode(dict(zip(names, units.tolist(), strict=True))) for units in ranked)
        best = next(found)
        return next((params for params in chain([best], found) if not is_repeat(params, history)), best)

    def _ranked_units(self, number: int, history: SearchHistory) -> Array:
        """Positions (m, d) in [0, 1] of proposals, the best one first."""
        reports = reports_of(history, number)
        known = number + len(history.imported)
        if known < STARTUP or len(reports.trials) < 2:
            shares = sobol(len(self.rows), number + 64, random_generator(self.seed, 0))[number:]
            return np.array([drawn(self.rows, point, number) for point in shares.tolist()])
        process = fit(curve_data(reports, self.flat), long=number % 2 == 1)
        running = [trial for trial in history.trials if trial.number < number and trial.state not in ENDED]
        acquisition = Improvement(
            process.with_ends(np.array([self.flat.encode(trial.params) for trial in running])) if running else process,
            self._incumbent(process, reports),
            self.flat,
            PRIOR_TRIALS / known,
        )
        best = process.data.x[np.argsort(-process.posterior(process.data.x)[0], kind="stable")]
        return self._maximize(acquisition, self.flat.units(best), random_generator(self.seed, number))

    def _incumbent(self, process: CurveProcess, reports: Reports) -> float:
        """The highest mean at a complete trial that satisfies the constraints; at any trial if there is none."""
        mean, _ = process.posterior(np.array([self.flat.encode(trial.params) for trial in reports.trials]))
        counts = np.array([trial.state == COMPLETE and not trial.violation for trial in reports.trials])
        return float(mean[counts].max() if counts.any() else mean.max())

    def _maximize(self, acquisition: Improvement, best: Array, draw: np.random.Generator) -> Array:
        """Positions (m, d) by decreasing acquisition, found by a local search from the best of a Sobol sequence.

        Those where it did not start follow: in a small space all that it finds may have been tried before.
        """
        near = np.concatenate([_moved(self.flat, best[:4], radius, 32, draw) for radius in (0.1, 0.02)])
        units = np.concatenate([sobol(best.shape[1], CANDIDATES, draw), near])
        values = acquisition(units)
        order = np.argsort(-values, kind="stable")
        rest = units[order[STARTS:]]
        units, values = units[order[:STARTS]], values[order[:STARTS]]
        for radius in np.geomspace(0.2, 1e-4, ROUNDS):
            branches = _moved(self.flat, units, radius, BRANCHES, draw)
            found = acquisition(branches).reshape(-1, len(units))
            winners = found.argmax(axis=0)
            better = found.max(axis=0) > values
            moved = branches.reshape(BRANCHES, *units.shape)[winners, np.arange(len(units))]
            units = np.where(better[:, None], moved, units)
            values = np.where(better, found.max(axis=0), values)
        return np.concatenate([units[np.argsort(-values, kind="stable")], rest])


def sobol(dimensions: int, count: int, draw: np.random.Generator) -> Array:
    """At least `count` points (m, dimensions) of a scrambled Sobol sequence."""
    from scipy.stats.qmc import Sobol

    points: Array = Sobol(dimensions, rng=draw).random_base2(max(1, math.ceil(math.log2(count))))
    return points


def _moved(flat: FlatSpace, units: Array, radius: float, copies: int, draw: np.random.Generator) -> Array:
    """`copies` random neighbours of each position (m, d), as (copies * m, d): some dimensions of each are moved."""
    tiled = np.tile(units, (copies, 1))
    count, dimensions = tiled.shape
    chosen = draw.random(tiled.shape) < draw.choice([1 / dimensions, 0.3, 1.0], size=(count, 1))
    chosen[np.arange(count), draw.integers(dimensions, size=count)] = True
    steps = np.maximum(radius, flat.smallest_moves) * draw.standard_normal(tiled.shape)
    numbers = np.clip(tiled + steps, 0.0, 1.0)
    drawn = flat.units(np.floor(draw.random(tiled.shape) * flat.counts))
    found: Array = np.where(chosen, np.where(flat.choices, drawn, numbers), tiled)
    return found


@dataclass(frozen=True)
class Improvement:
    """The logarithm of the expected improvement over `incumbent` at the full budget, weighted by the priors.

    Attributes:
        prior_weight: power of the prior density by which the improvement is multiplied (Hvarfner et al. 2022, "piBO").
            It falls with the number of trials, so that a wrong prior is overcome.
    """

    process: CurveProcess
    incumbent: float
    flat: FlatSpace
    prior_weight: float

    def __call__(self, units: Array) -> Array:
        """Values (m,) at positions (m, d) in [0, 1]."""
        features, active = self.flat.decoded(units)
        mean, spread = self.process.posterior(features)
        found: Array = np.log(spread) + log_improvement((mean - self.incumbent) / spread)
        return found + self.prior_weight * joint_log_density(self.flat.rows, units, active)


def log_improvement(z: Array) -> Array:
    """log(phi(z) + z Phi(z)) (Ament et al. 2023), which stays exact where the improvement underflows."""
    from scipy.special import erfcx, ndtr

    constant = math.log(2 * math.pi) / 2
    low = np.minimum(z, -1.0)
    # phi(z) + z Phi(z) = phi(z) (1 + z Phi(z) / phi(z)), and Phi(z) / phi(z) = sqrt(pi / 2) erfcx(-z / sqrt(2)).
    rest = 1 + low * math.sqrt(math.pi / 2) * erfcx(-low / math.sqrt(2))
    # Beyond -1e3 the sum cancels; its series starts with 1 / z^2.
    rest = np.where(low < -1e3, low**-2.0, np.maximum(rest, 1e-300))
    high = np.maximum(z, -1.0)
    top = np.log(np.exp(-(high**2) / 2 - constant) + high * ndtr(high))
    found: Array = np.where(z < -1, -(low**2) / 2 - constant + np.log(rest), top)
    return found
