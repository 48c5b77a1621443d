from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from amc.models.keypoint_regressor import KeypointRegressor, points_of, target_maps


@pytest.mark.parametrize("size", [16, 30, 32])
def test_one_map_a_keypoint_at_half_the_size(size: int) -> None:
    network = KeypointRegressor(5).eval()
    assert network(torch.zeros(2, 3, size, size)).shape == (2, 5, size // 2, size // 2)


def test_target_by_hand() -> None:
    # Cells are 2x2 pixels with centres 0.5, 2.5, 4.5, 6.5: (3, 5) lies a quarter between cells 1, 2 and 2, 3.
    target = target_maps(torch.tensor([3.0, 5.0]), 8)
    expected = torch.zeros(4, 4)
    expected[2, 1], expected[2, 2], expected[3, 1], expected[3, 2] = 9 / 16, 3 / 16, 3 / 16, 1 / 16
    torch.testing.assert_close(target, expected)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.5, 30.5), st.floats(0.5, 30.5))
def test_points_are_read_back_from_their_targets(x: float, y: float) -> None:
    target = target_maps(torch.tensor([[[x, y]]]), 32)
    assert float(target.sum()) == pytest.approx(1, abs=1e-5)
    points, confidence = points_of((target + 1e-12).log())
    torch.testing.assert_close(points, torch.tensor([[[x, y]]]), atol=1e-3, rtol=0)
    assert float(confidence) == pytest.approx(1, abs=1e-5)


def test_a_point_outside_is_moved_to_the_edge() -> None:
    points, _ = points_of((target_maps(torch.tensor([[[-5.0, 40.0]]]), 16) + 1e-12).log())
    torch.testing.assert_close(points, torch.tensor([[[0.5, 14.5]]]), atol=1e-3, rtol=0)


def test_confidence_is_the_probability_around_the_peak() -> None:
    _, confidence = points_of(torch.zeros(1, 1, 10, 10))
    assert float(confidence) == pytest.approx(4 / 100)  # the first of equal cells is a corner: 2x2 cells are near
