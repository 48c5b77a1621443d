"""The gradient difference loss, GDL (Mathieu et al. 2016, Eq. 6), of Adv+GDL and MCnet."""

from __future__ import annotations

from torch import Tensor


def gradient_difference(predicted: Tensor, real: Tensor) -> Tensor:
    """Mean of | |dY| - |dY^| | over vertical neighbours, plus the same over horizontal ones (alpha = 1).

    The inner absolute values make it blind to the sign of a gradient, as in the paper.

    Args:
        predicted, real: (..., H, W), both at least 2 pixels high and wide.

    Returns:
        ().
    """
    total = predicted.new_zeros(())
    for dim in (-2, -1):
        total = total + (real.diff(dim=dim).abs() - predicted.diff(dim=dim).abs()).abs().mean()
    return total
