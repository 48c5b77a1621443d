from __future__ import annotations

import math

import numpy as np
import pytest

from tuning.search.samplers.curve_data import standardized
from tuning.search.samplers.curve_process import NAMES, CurveData, CurveProcess, _loss, _prior, _squared_distances, fit


def data_of(x: list[list[float]], u: list[float], trial: list[int], y: list[float]) -> CurveData:
    features = np.array(x)
    return CurveData(
        features, np.array(u), np.array(trial), np.array(y), np.ones(len(y)), np.zeros(features.shape[1], dtype=bool)
    )


def theta_of(lengths: list[float], **values: float) -> np.ndarray:
    return np.log([*lengths, *(values.get(name, 1e-12) for name in NAMES)])


def test_posterior_by_hand() -> None:
    """One value of 1 at the end; prior variance of mean and signal 1 each, noise 1, so f has covariance 1 + matern."""
    process = CurveProcess(
        data_of([[0.0]], [0.0], [0], [1.0]), theta_of([1.0], signal=1.0, noise=1.0, stretch=1.0, power=1.0)
    )
    mean, spread = process.posterior(np.array([[0.0], [1.0]]))
    root = math.sqrt(5)
    matern = (1 + root + 5 / 3) * math.exp(-root)
    assert mean == pytest.approx([2 / 3, (1 + matern) / 3])
    assert spread**2 == pytest.approx([2 - 4 / 3, 2 - (1 + matern) ** 2 / 3])


def test_an_early_report_says_less_about_the_end_than_a_late_one() -> None:
    theta = theta_of([1.0], signal=1.0, deviation=1.0, noise=1e-4, stretch=1.0, power=1.0)
    at = np.array([[0.5]])
    spreads = [CurveProcess(data_of([[0.5]], [u], [0], [1.0]), theta).posterior(at)[1][0] for u in (0.0, 0.5, 1.0)]
    assert spreads[0] < 0.02 < spreads[1] < spreads[2]


def test_gradient() -> None:
    draw = np.random.default_rng(0)
    x = np.repeat(draw.random((6, 3)), 2, axis=0)
    x[:, 2] = x[:, 2] > 0.5
    data = CurveData(
        x,
        np.tile([0.7, 0.0], 6),
        np.repeat(np.arange(6), 2),
        draw.standard_normal(12),
        np.tile([3.0, 1.0], 6),
        np.array([False, False, True]),
    )
    prior = _prior(3, long=False)
    rest = data, prior, _squared_distances(x, x, data.choices), np.equal.outer(data.trial, data.trial).astype(float)
    theta = prior[0] + draw.standard_normal(3 + len(NAMES)) / 2
    steps = np.eye(len(theta)) * 1e-5
    numeric = [(_loss(theta + step, *rest)[0] - _loss(theta - step, *rest)[0]) / 2e-5 for step in steps]
    assert _loss(theta, *rest)[1] == pytest.approx(numeric, rel=1e-4, abs=1e-4)


def test_fit_learns_from_stopped_trials_although_early_values_are_lower() -> None:
    """f(x) = -(x - 0.7)^2; at the first report every value is 3 lower. Only points left of the middle are complete."""
    places = np.linspace(0, 1, 12)
    rows = [([x], 1.0, -((x - 0.7) ** 2) * 4 - 3) for x in places]
    rows += [([x], 0.0, -((x - 0.7) ** 2) * 4) for x in places if x < 0.5]
    trials = [*range(12), *range(6)]
    process = fit(data_of([x for x, _, _ in rows], [u for _, u, _ in rows], trials, [y for _, _, y in rows]))
    grid = np.linspace(0, 1, 101)[:, None]
    mean, _ = process.posterior(grid)
    assert grid[mean.argmax(), 0] == pytest.approx(0.7, abs=0.05)
    assert mean[30] == pytest.approx(-((0.3 - 0.7) ** 2) * 4, abs=0.05)


def test_pending_trials_lower_the_uncertainty_but_not_the_mean() -> None:
    process = fit(data_of([[0.1], [0.4], [0.9]], [0.0] * 3, [0, 1, 2], [0.0, 1.0, -1.0]))
    at = np.array([[0.6]])
    (mean, spread), (later, less) = process.posterior(at), process.with_ends(at).posterior(at)
    assert later == pytest.approx(mean, abs=1e-3)
    assert less < spread / 2


@pytest.mark.parametrize("values", [[1.0] * 60, [0.0, 1e9] * 30, [-1e-12, 0.0] * 30])
def test_repeated_points_can_be_fitted(values: list[float]) -> None:
    process = fit(data_of([[0.5, 0.0]] * 60, [0.0, 1.0] * 30, [*range(60)], standardized(np.array(values)).tolist()))
    mean, spread = process.posterior(np.array([[0.5, 0.0], [0.0, 1.0]]))
    assert np.isfinite(mean).all()
    assert (spread > 0).all()


def test_ends_of_trials_by_hand() -> None:
    """As in the first test, with a variance of 1 for how a trial ends instead of the noise: its end is known."""
    theta = theta_of([1.0], signal=1.0, trial_end=1.0, stretch=1.0, power=1.0)
    mean, spread = CurveProcess(data_of([[0.0]], [0.0], [0], [1.0]), theta).ends()
    assert mean == pytest.approx([1])
    assert spread == pytest.approx([0], abs=1e-3)
