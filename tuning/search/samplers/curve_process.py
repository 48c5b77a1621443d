"""A Gaussian process over parameters and training progress, fitted to the reports of all trials.

The value that trial i reports at parameters x and remaining progress u is modelled as

    y_i(x, u) = f(x) + g(x, u) + e_i + h_i(u) + noise,

where f is the value at the full budget, which is what a search maximizes. g is how far the value at `u` lies from it,
h_i the same for one trial alone, and e_i how far one trial ends from f (its seed). g and h vanish at the full budget,
u = 0, and early reports may be as badly correlated with f as the data say. This extends the trace-aware knowledge
gradient's kernel over the budget (Wu et al. 2020) by the deviations of one trial, as in freeze-thaw optimization
(Swersky et al. 2014). Kernels over x are Matern 5/2 with a lengthscale per parameter and the Hamming distance between
choices. Hyperparameters maximize the posterior. The lengthscales' prior is that of Hvarfner et al. 2024 ("Vanilla
Bayesian optimization performs great in high dimensions"), log-normal with location sqrt(2) + log(d) / 2 and scale
sqrt(3): its mode, or the mean of its mode's and its median's logarithms, is the preferred lengthscale (`fit`).
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

Array = NDArray[np.float64]

WIDTH = 0.5  # correlation length over u of deviations from the end
JITTER = 1e-7  # keeps the covariance of repeated configurations positive definite

# Hyperparameters other than the lengthscales, all on a logarithmic scale, with the mean and SD of their normal priors.
# Values are standardized, so variances are fractions of about 1.
PRIORS: dict[str, tuple[float, float]] = {
    "signal": (0.0, 1.0),  # variance of f
    "deviation": (-1.5, 1.5),  # variance of g, as far as it depends on x, at u = 1
    "trend": (0.0, 1.5),  # variance of g, the same for all x
    "trial_end": (-7.0, 3.0),  # variance of e
    "trial_curve": (-5.0, 2.0),  # variance of h at u = 1
    "noise": (-9.0, 3.0),  # variance of the noise at any u
    "early_noise": (-5.0, 3.0),  # variance of further noise that grows with u^2
    "stretch": (0.3, 0.5),  # lengthscales of g in those of f
    "power": (0.0, 0.4),  # deviations grow as u^power
}
NAMES = tuple(PRIORS)
LENGTH_SD = math.sqrt(3)
BOUND = 4.0  # standard deviations of the priors
ITERATIONS = 60


@dataclass(frozen=True)
class CurveData:
    """Reports of trials.

    Attributes:
        x: features (n, d); of choices only equality counts.
        u: (n,), the remaining progress, 0 at the full budget and 1 at the earliest report.
        trial: (n,), a number for each trial.
        y: (n,), standardized values.
        count: (n,), of how many reports each value is the average.
        choices: (d,), which features are choices.
    """

    x: Array
    u: Array
    trial: NDArray[np.int64]
    y: Array
    count: Array
    choices: NDArray[np.bool_]


def one_thread() -> AbstractContextManager[object]:
    """Linear algebra uses one thread within this context.

    With several, sums are rounded in another order, and a search resumed on a machine with more cores would take
    another course. It also leaves the other cores to the trials.
    """
    import scipy.linalg  # noqa: F401  # only libraries that are loaded are limited

    limits: AbstractContextManager[object] = threadpool_limits(limits=1, user_api="blas")
    return limits


def _squared_distances(first: Array, second: Array, choices: NDArray[np.bool_]) -> Array:
    """Squared distances (d, n, m) in each dimension."""
    gaps = first.T[:, :, None] - second.T[:, None, :]
    found: Array = gaps**2
    found[choices] = found[choices] > 0
    return found


def _matern(squared: Array) -> tuple[Array, Array]:
    """Matern 5/2 and its derivative by the squared distance."""
    root = np.sqrt(5 * squared)
    fade = np.exp(-root)
    return (1 + root + root**2 / 3) * fade, -5 / 6 * (1 + root) * fade


class CurveProcess:
    """The process with given hyperparameters; `fit` chooses them.

    Attributes:
        theta: logarithms of the lengthscales (d,), then of the hyperparameters in the order of `NAMES`.
    """

    def __init__(self, data: CurveData, theta: Array) -> None:
        self.data, self.theta = data, theta
        self.value = dict(zip(NAMES, np.exp(theta[data.x.shape[1] :]), strict=True))
        self.precision = np.exp(-2 * theta[: data.x.shape[1]])

    def _over_progress(self, first: Array, second: Array) -> Array:
        product = np.maximum(first[:, None] * second[None, :], 0.0)
        gap = first[:, None] - second[None, :]
        found: Array = product ** self.value["power"] * np.exp(-(gap**2) / (2 * WIDTH**2))
        return found

    @cached_property
    def _factor(self) -> tuple[Array, Array]:
        """The Cholesky factor (n, n) of the covariance of the data, and the covariance's inverse times `y` (n,)."""
        from scipy.linalg import cho_solve, cholesky

        factor = cholesky(_covariance(self, _Terms(self)), lower=True)
        return factor, cho_solve((factor, True), self.data.y)

    def cross(self, x: Array) -> Array:
        """Covariance (m, n) of f at features (m, d) with the data."""
        squared = np.tensordot(self.precision, _squared_distances(x, self.data.x, self.data.choices), axes=1)
        found: Array = 1 + self.value["signal"] * _matern(squared)[0]
        return found

    def posterior(self, x: Array) -> tuple[Array, Array]:
        """Mean and standard deviation (m,) of f at features (m, d)."""
        return self._conditioned(self.cross(x), 1 + self.value["signal"])

    def ends(self) -> tuple[Array, Array]:
        """Mean and standard deviation (t,) of the value at the full budget, without noise, of trials 0 to t - 1."""
        trials, first = np.unique(self.data.trial, return_index=True)
        own = self.value["trial_end"] * np.equal.outer(trials, self.data.trial)
        return self._conditioned(
            self.cross(self.data.x[first]) + own, 1 + self.value["signal"] + self.value["trial_end"]
        )

    def _conditioned(self, cross: Array, variance: float) -> tuple[Array, Array]:
        """Mean and standard deviation (m,), given the data, of values with this covariance (m, n) with it."""
        from scipy.linalg import solve_triangular

        factor, weights = self._factor
        half = solve_triangular(factor, cross.T, lower=True)
        mean: Array = cross @ weights
        return mean, np.sqrt(np.maximum(variance - np.einsum("nm,nm->m", half, half), 1e-12))

    def with_ends(self, x: Array) -> CurveProcess:
        """The process told that the trials at features (m, d) end at its present mean, so that others avoid them."""
        mean, _ = self.posterior(x)
        data = self.data
        trials = np.arange(len(x)) + data.trial.max() + 1
        return CurveProcess(
            CurveData(
                np.concatenate([data.x, x]),
                np.concatenate([data.u, np.zeros(len(x))]),
                np.concatenate([data.trial, trials]),
                np.concatenate([data.y, mean]),
                np.concatenate([data.count, np.ones(len(x))]),
                data.choices,
            ),
            self.theta,
        )


class _Terms:
    """The matrices (n, n) that the covariance of the data is made of."""

    def __init__(self, process: CurveProcess, distances: Array | None = None, same: Array | None = None) -> None:
        data = process.data
        if distances is None:
            distances = _squared_distances(data.x, data.x, data.choices)
        self.distances = distances
        self.same = np.equal.outer(data.trial, data.trial).astype(np.float64) if same is None else same
        squared = np.tensordot(process.precision, distances, axes=1)
        self.matern, self.slope = _matern(squared)
        self.wide = squared / process.value["stretch"] ** 2
        self.wide_matern, self.wide_slope = _matern(self.wide)
        self.progress = process._over_progress(data.u, data.u)


def _covariance(process: CurveProcess, terms: _Terms) -> Array:
    value, data = process.value, process.data
    varying = value["deviation"] * terms.wide_matern + value["trend"] + value["trial_curve"] * terms.same
    found: Array = 1 + value["signal"] * terms.matern + terms.progress * varying + value["trial_end"] * terms.same
    found[np.diag_indices_from(found)] += (value["noise"] + value["early_noise"] * data.u**2) / data.count + JITTER
    return found


def _prior(dimensions: int, *, long: bool) -> tuple[Array, Array]:
    """Means and standard deviations of the logarithms of all hyperparameters."""
    length = math.sqrt(2) + math.log(dimensions) / 2 - LENGTH_SD**2 * (0.5 if long else 1.0)
    means = [length] * dimensions + [PRIORS[name][0] for name in NAMES]
    spreads = [LENGTH_SD] * dimensions + [PRIORS[name][1] for name in NAMES]
    return np.array(means), np.array(spreads)


def _loss(
    theta: Array, data: CurveData, prior: tuple[Array, Array], distances: Array, same: Array
) -> tuple[float, Array]:
    """The negative logarithm of the posterior density, but for a constant, and its gradient."""
    from scipy.linalg import cholesky
    from scipy.linalg.lapack import dpotri

    process = CurveProcess(data, theta)
    terms, value = _Terms(process, distances, same), process.value
    factor = cholesky(_covariance(process, terms), lower=True)
    inverse = dpotri(factor, lower=1)[0]
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    weights = inverse @ data.y
    slack = (inverse - np.outer(weights, weights)) / 2  # derivative of the loss by the covariance
    varying = slack * terms.progress
    deviation = varying * terms.wide_matern
    whole = value["deviation"] * deviation + value["trend"] * varying + value["trial_curve"] * varying * same
    logs = np.log(np.maximum(data.u, 1e-12))
    gradients = {
        "signal": value["signal"] * np.sum(slack * terms.matern),
        "deviation": value["deviation"] * np.sum(deviation),
        "trend": value["trend"] * np.sum(varying),
        "trial_end": value["trial_end"] * np.sum(slack * same),
        "trial_curve": value["trial_curve"] * np.sum(varying * same),
        "noise": value["noise"] * np.sum(np.diag(slack) / data.count),
        "early_noise": value["early_noise"] * np.sum(np.diag(slack) * data.u**2 / data.count),
        "stretch": -2 * value["deviation"] * np.sum(varying * terms.wide_slope * terms.wide),
        "power": value["power"] * 2 * np.sum(whole.sum(axis=1) * logs),
    }
    by_squared = value["signal"] * slack * terms.slope
    by_squared += value["deviation"] / value["stretch"] ** 2 * varying * terms.wide_slope
    lengths = -2 * process.precision * np.tensordot(distances, by_squared, axes=2)
    means, spreads = prior
    loss = float(np.sum(np.log(np.diag(factor))) + data.y @ weights / 2 + np.sum(((theta - means) / spreads) ** 2) / 2)
    return loss, np.concatenate([lengths, [gradients[name] for name in NAMES]]) + (theta - means) / spreads**2


def fit(data: CurveData, *, long: bool = False) -> CurveProcess:
    """The process whose hyperparameters maximize the posterior density, from a fixed start.

    Args:
        long: prefer longer lengthscales, 1.3 instead of 0.3 in 2 dimensions, 3.7 instead of 0.8 in 16.
    """
    from scipy.optimize import minimize

    means, spreads = prior = _prior(data.x.shape[1], long=long)
    start = means.copy()
    start[: data.x.shape[1]] = math.log(0.5) + math.log(data.x.shape[1]) / 2
    distances = _squared_distances(data.x, data.x, data.choices)
    same = np.equal.outer(data.trial, data.trial).astype(np.float64)
    bounds = np.stack([means - BOUND * spreads, means + BOUND * spreads], axis=1)
    found = minimize(
        _loss, start, (data, prior, distances, same), jac=True, method="L-BFGS-B", bounds=bounds,
        options={"maxiter": ITERATIONS},
    )  # fmt: skip
    return CurveProcess(data, np.asarray(found.x))
