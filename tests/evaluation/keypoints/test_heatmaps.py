from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from amc.evaluation.keypoints.heatmaps import merged_heatmaps

NAN = math.nan


def test_a_gaussian_of_two_pixels_at_paper_size() -> None:
    (heatmap,) = merged_heatmaps(torch.tensor([[[20.0, 30.0]]]), 64, 2**-8)
    assert float(heatmap[30, 20]) == 1
    assert float(heatmap[30, 22]) == pytest.approx(math.exp(-0.5))  # one standard deviation to the right
    assert float(heatmap[34, 20]) == pytest.approx(math.exp(-2))  # two below
    assert float(heatmap[31, 21]) == pytest.approx(math.exp(-(1 + 1) / 8))


def test_the_maximum_is_taken_pixel_by_pixel() -> None:
    points = torch.tensor([[10.0, 10.0], [14.0, 10.0]])
    both = merged_heatmaps(points, 32, 2**-8)
    alone = [merged_heatmaps(point[None], 32, 2**-8) for point in points]
    torch.testing.assert_close(both, torch.maximum(*alone))


def test_what_was_not_found_adds_nothing() -> None:
    points = torch.tensor([[[10.0, 10.0], [NAN, NAN]], [[NAN, NAN], [NAN, NAN]]])
    one, none = merged_heatmaps(points, 32, 2**-8)
    torch.testing.assert_close(one, merged_heatmaps(points[0, :1], 32, 2**-8))
    assert not none.any()


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(5)), st.integers(-3, 3))
def test_order_does_not_matter_and_maps_move_with_their_points(order: list[int], by: int) -> None:
    points = torch.tensor([[8.0, 9.0], [20.0, 12.5], [15.0, 15.0], [NAN, 3.0], [11.0, 22.0]])
    before = merged_heatmaps(points, 32, 2**-8)
    torch.testing.assert_close(merged_heatmaps(points[order], 32, 2**-8), before)
    moved = merged_heatmaps(points + torch.tensor([float(by), 0.0]), 32, 2**-8)
    torch.testing.assert_close(moved[:, 3:-3], before.roll(by, 1)[:, 3:-3], atol=1e-5, rtol=0)
