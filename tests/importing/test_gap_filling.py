"""Filling keypoints over time, by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from amc.importing.gap_filling import fill_gaps

NAN = float("nan")


def _one(xs: list[float]) -> np.ndarray:
    return np.array([[[x, 2 * x]] for x in xs])


def test_short_gap_is_a_valid_straight_line() -> None:
    filled, valid = fill_gaps(_one([0, NAN, NAN, 3]), (9, 9), max_gap=2)
    np.testing.assert_allclose(filled[:, 0], [[0, 0], [1, 2], [2, 4], [3, 6]])
    assert valid[:, 0].all()


def test_long_gap_and_ends_are_filled_but_not_valid() -> None:
    filled, valid = fill_gaps(_one([NAN, 4, NAN, NAN, 1, NAN]), (9, 9), max_gap=1)
    np.testing.assert_allclose(filled[:, 0, 0], [4, 4, 3, 2, 1, 1])
    assert valid[:, 0].tolist() == [False, True, False, False, True, False]


def test_never_found() -> None:
    points = np.concatenate([_one([NAN, NAN]), _one([5, 6])], axis=1)
    filled, valid = fill_gaps(points, (7.5, 8.5))
    np.testing.assert_allclose(filled[:, 0], [[7.5, 8.5]] * 2)
    assert valid.tolist() == [[False, True], [False, True]]


@given(st.lists(st.one_of(st.just(NAN), st.floats(-100, 100)), min_size=1, max_size=40), st.integers(0, 6))
def test_laws(xs: list[float], limit: int) -> None:
    points = _one(xs)
    found = ~np.isnan(points[..., 0])
    filled, valid = fill_gaps(points, (0, 0), max_gap=limit)
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[found], points[found])
    assert valid[found].all()
    if not limit:
        np.testing.assert_array_equal(valid, found)
    if found.any():
        assert np.nanmin(points) <= filled.min()
        assert filled.max() <= np.nanmax(points)
        # A longer limit never takes validity away.
        assert (fill_gaps(points, (0, 0), max_gap=limit + 1)[1] >= valid).all()
