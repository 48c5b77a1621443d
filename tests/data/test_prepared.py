"""Velocities and their scale."""

from __future__ import annotations

import numpy as np
import pytest

from amc.data.prepared import velocities, velocity_scale


def test_velocities_are_steps_in_pixels() -> None:
    points = np.array([[[[0, 0], [5, 5]], [[2, -1], [5, 6]], [[2, 0], [4, 6]]]], np.float32)
    valid = np.ones((1, 3, 2), np.bool_)
    assert velocities(points, valid).tolist() == [[[2, -1, 0, 1], [0, 1, -1, 0]]]


def test_a_step_from_or_to_an_invalid_point_is_zero() -> None:
    points = np.array([[[[0, 0]], [[9, 9]], [[1, 1]], [[2, 3]]]], np.float32)
    valid = np.array([[[True], [False], [True], [True]]])
    assert velocities(points, valid).tolist() == [[[0, 0], [0, 0], [1, 2]]]


def test_scale_is_the_quantile_of_what_moves() -> None:
    moving = np.concatenate([np.zeros(1000), np.arange(1, 102)]).astype(np.float32)
    assert velocity_scale(moving, 0.99) == pytest.approx(100.0)
    assert velocity_scale(-moving, 1.0) == 101.0
    assert velocity_scale(np.zeros(3, np.float32), 0.99) == 1.0
