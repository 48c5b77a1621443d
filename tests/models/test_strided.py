"""How strided layers shrink with the preset (R25)."""

from __future__ import annotations

import pytest
import torch

from amc.models.strided import half_strided, halved, last_strided


@pytest.mark.parametrize("extent", [1, 2, 3, 4])
def test_the_last_layer_leaves_one_pixel(extent: int) -> None:
    layer = last_strided(2, 3, extent)
    if extent == 1:
        assert layer is None
        return
    assert layer is not None
    assert layer.kernel_size == layer.stride == (extent, extent)
    assert layer(torch.zeros(1, 2, extent, extent)).shape == (1, 3, 1, 1)


def test_the_last_layer_at_paper_size() -> None:
    layer = last_strided(512, 1024, 4)
    assert layer is not None
    assert (layer.kernel_size, layer.stride, layer.padding) == ((4, 4), (4, 4), (0, 0))


@pytest.mark.parametrize("extent", [1, 2, 4, 8])
def test_a_halving_layer(extent: int) -> None:
    layer = half_strided(2, 3, extent)
    if extent == 1:
        assert layer is None
        return
    assert layer is not None
    assert (layer.kernel_size, layer.stride) == ((4, 4), (2, 2))
    assert layer(torch.zeros(1, 2, extent, extent)).shape == (1, 3, halved(extent), halved(extent))
