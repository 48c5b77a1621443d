"""Points that a picture and its mirror image agree on, and those they do not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from amc.importing.pose.mirror_check import TOLERANCE, body_size, confirmed_points, unmirrored

NOBODY = np.full((4, 3), np.nan)


def _still(frames: int, visibility: float = 1.0) -> NDArray[np.float64]:
    """The corners of a square of 20 pixels around (20, 20): its size is half its diagonal."""
    corners = np.array([[10, 10], [30, 10], [10, 30], [30, 30]], dtype=np.float64)
    rows = np.concatenate([corners, np.full((4, 1), visibility)], axis=1)
    return np.tile(rows, (frames, 1, 1))


SIZE = 200**0.5


def test_body_size_is_that_of_the_usual_frame() -> None:
    points = _still(5)[..., :2]
    np.testing.assert_allclose(body_size(points), SIZE)
    points[0] *= 10
    points[1] = np.nan
    np.testing.assert_allclose(body_size(points), SIZE)
    assert body_size(points[1:2]) == 0


def test_points_turn_back() -> None:
    mirrored = np.array([[[0.0, 5, 0.9], [63, 6, 0.8], [10, 7, 0.7]]])
    np.testing.assert_array_equal(unmirrored(mirrored, 64, ((0, 1),)), [[[0, 6, 0.8], [63, 5, 0.9], [53, 7, 0.7]]])


def test_agreement_is_the_middle_and_disagreement_is_nothing() -> None:
    plain, other = _still(1), _still(1)
    other[0, 0, 0] += 2
    other[0, 1, 1] += 1.01 * TOLERANCE * SIZE
    plain[0, 2, 2], other[0, 2, 2] = 0.2, 0.45  # on average 0.325
    plain[0, 3, 2], other[0, 3, 2] = 0.4, 0.1
    points = confirmed_points(plain, other)
    np.testing.assert_allclose(points[0, 0], [11, 10])
    assert np.isnan(points[0, 1]).all()
    np.testing.assert_allclose(points[0, 2], [10, 30])
    assert np.isnan(points[0, 3]).all()


def test_a_frame_that_only_one_found_needs_a_neighbour() -> None:
    plain, other = _still(6), _still(6)
    plain[0] = other[1] = plain[2] = NOBODY
    plain[5] = other[5] = NOBODY
    other[2, 0, 0] += 2 * TOLERANCE * SIZE  # it leaps
    points = confirmed_points(plain, other)
    # Frame 0 hangs on frame 1, which hangs on frame 2 and, for point 0, on nothing.
    assert np.isfinite(points[:5, 1:]).all()
    assert np.isnan(points[5]).all()
    assert np.isnan(points[2, 0]).all()
    assert np.isnan(points[1, 0]).all()
    assert np.isnan(points[0, 0]).all()


def test_what_only_one_found_has_to_be_clearly_visible() -> None:
    plain, other = _still(2), _still(2)
    other[1] = NOBODY
    plain[1, :2, 2] = 0.4
    points = confirmed_points(plain, other)
    assert np.isnan(points[1, :2]).all()
    assert np.isfinite(points[1, 2:]).all()


def test_nobody_at_all() -> None:
    assert np.isnan(confirmed_points(np.stack([NOBODY] * 3), np.stack([NOBODY] * 3))).all()
    # Found by one alone, everywhere: nothing confirms it.
    assert np.isnan(confirmed_points(_still(3), np.stack([NOBODY] * 3))).all()
