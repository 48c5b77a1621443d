"""Distances of feature sets, against values worked out by hand, SciPy's matrix root and known distributions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from amc.evaluation.metrics.distances import Features, frechet_distance, kernel_distance


def drawn(rows: int, features: int, seed: int = 0, mean: float = 0.0, scale: float = 1.0) -> Features:
    return mean + scale * np.random.default_rng(seed).standard_normal((rows, features))


def test_frechet_distance_of_one_feature() -> None:
    # Means 1 and 5, variances 2 and 8: (1 - 5)^2 + (2^(1/2) - 8^(1/2))^2 = 16 + 2.
    assert frechet_distance(np.array([[0.0], [2.0]]), np.array([[3.0], [7.0]])) == pytest.approx(18)


def test_frechet_distance_of_features_that_do_not_correlate() -> None:
    # Rows at +-e_i: means 0, covariance diagonal, 2 s^2 / 3 for each; twice the scale: sum of (s - 2 s)^2 over both.
    cross = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    assert frechet_distance(cross, 2 * cross) == pytest.approx(2 * 2 / 3)
    assert frechet_distance(cross, cross + np.array([3, 4])) == pytest.approx(25)


@pytest.mark.parametrize(("n", "m", "d"), [(60, 40, 5), (40, 60, 39)])
def test_frechet_distance_is_that_of_the_matrix_root(n: int, m: int, d: int) -> None:
    a, b = drawn(n, d), drawn(m, d, seed=1, mean=0.5, scale=2.0) @ drawn(d, d, seed=2)
    s, t = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = np.real(np.trace(np.asarray(sqrtm(s @ t))))
    expected = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(s) + np.trace(t) - 2 * root
    assert frechet_distance(a, b) == pytest.approx(expected)


@given(st.integers(2, 12), st.integers(2, 12), st.integers(1, 20), st.integers(0, 99))
def test_laws_of_frechet_distance(n: int, m: int, d: int, seed: int) -> None:
    """Also where rows are fewer than features."""
    a, b = drawn(n, d, seed), drawn(m, d, seed + 100, mean=1.0)
    assert frechet_distance(a, a[::-1]) == pytest.approx(0, abs=1e-10)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a))
    assert frechet_distance(a, a + 1) == pytest.approx(d)
    assert frechet_distance(3 * a, 3 * b) == pytest.approx(9 * frechet_distance(a, b))
    turned, _ = np.linalg.qr(drawn(d, d, seed + 200))
    assert frechet_distance(a @ turned, b @ turned) == pytest.approx(frechet_distance(a, b))


def test_frechet_distance_of_known_gaussians() -> None:
    # Means 3 apart in each of 4 features, deviations 1 and 2: 4 (9 + 1) = 40.
    assert frechet_distance(drawn(20_000, 4), drawn(20_000, 4, 1, 3.0, 2.0)) == pytest.approx(40, rel=0.02)


def test_few_rows_raise_the_frechet_distance() -> None:
    """Why it stands beside that of as many real clips."""
    few, many = (frechet_distance(drawn(n, 16), drawn(n, 16, 1)) for n in (20, 2_000))
    assert few > 10 * many


def test_kernel_distance_by_hand() -> None:
    # d = 1. Within {0, 1}: k(0, 1) = 1; within {2, 3}: 7^3 = 343; between: (1 + 1 + 27 + 64) / 4.
    a, b = np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]])
    assert kernel_distance(a, b) == pytest.approx(1 + 343 - 2 * 93 / 4)
    # d = 2: the product is halved. Within {(2, 0), (0, 2)}: 1; beside {(0, 0), (0, 0)}: 1 and 1.
    assert kernel_distance(np.array([[2.0, 0], [0, 2]]), np.zeros((2, 2))) == pytest.approx(0)


def test_kernel_distance_of_one_distribution_is_0_on_average() -> None:
    found = [kernel_distance(drawn(10, 3, 2 * i), drawn(10, 3, 2 * i + 1)) for i in range(2_000)]
    assert min(found) < 0 < max(found)
    assert abs(np.mean(found)) < 4 * np.std(found) / len(found) ** 0.5


@given(st.integers(2, 12), st.integers(2, 12), st.integers(1, 8), st.integers(0, 99))
def test_kernel_distance_is_symmetric(n: int, m: int, d: int, seed: int) -> None:
    a, b = drawn(n, d, seed), drawn(m, d, seed + 100, mean=1.0)
    assert kernel_distance(a, b) == pytest.approx(kernel_distance(b, a))
    assert kernel_distance(a, b) == pytest.approx(kernel_distance(a[::-1], b))
