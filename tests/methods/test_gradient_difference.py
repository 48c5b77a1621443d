"""The gradient difference loss, by hand."""

from __future__ import annotations

import pytest
import torch

from amc.methods.gradient_difference import gradient_difference

REAL = torch.tensor([[1.0, 2.0, 4.0], [0.0, 0.0, 0.0], [3.0, 1.0, 1.0]])
PREDICTED = torch.tensor([[0.0, 2.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 5.0]])


def test_by_hand_on_3x3_pixels() -> None:
    # |dY| vertical:   [1 2 4] [3 1 1]     |dY^|: [1 1 0] [0 0 4]     differences: [0 1 4] [3 1 3], sum 12
    # |dY| horizontal: [1 2] [0 0] [2 0]   |dY^|: [2 1] [0 0] [0 4]   differences: [1 1] [0 0] [2 4], sum 8
    assert float(gradient_difference(PREDICTED, REAL)) == pytest.approx(12 / 6 + 8 / 6)


def test_the_sign_of_a_gradient_does_not_count() -> None:
    assert float(gradient_difference(-REAL, REAL)) == 0
    assert float(gradient_difference(REAL + 7, REAL)) == 0
    assert float(gradient_difference(REAL * 2, REAL)) > 0


def test_it_is_a_mean_over_clips_and_channels() -> None:
    one, zero = gradient_difference(PREDICTED, REAL), 0.0
    stacked = gradient_difference(torch.stack([PREDICTED, REAL])[:, None], torch.stack([REAL, REAL])[:, None])
    assert float(stacked) == pytest.approx((float(one) + zero) / 2)
