"""Da's parts (appendix A.2) and how it shrinks (R25)."""

from __future__ import annotations

import pytest
import torch

from amc.config import configure
from amc.models.appearance_discriminator import AppearanceDiscriminator
from amc.reference.examples import small


def test_shapes_of_appendix_a2() -> None:
    with torch.device("meta"):
        network = AppearanceDiscriminator(configure("natops", "paper"))
        first, second = network.tower(torch.empty(2, 3, 64, 64))
        top = network.top(second)
        logits = network.head(top, torch.stack([top] * 3, dim=1))
    assert first.shape == (2, 64, 32, 32)
    assert second.shape == (2, 128, 16, 16)
    assert top.shape == (2, 256, 8, 8)
    assert logits.shape == (2,)
    assert tuple(network.deconv.weight.shape) == (4 * 256, 256, 3, 3)


@pytest.mark.parametrize(
    ("size", "halves", "last"),
    [(64, True, 4), (32, True, 2), (16, True, None), (8, False, None)],  # maps of 8, 4, 2, 1 pixels after the tower
)
def test_strides_shrink_with_the_map(size: int, halves: bool, last: int | None) -> None:
    network = AppearanceDiscriminator(small("natops", size=size))
    assert (network.conv5 is not None) == halves
    assert (network.conv6 is not None) == (last is not None)
    if network.conv6 is not None:
        assert network.conv6.kernel_size == network.conv6.stride == (last, last)
    _, second = network.tower(torch.zeros(3, 3, size, size))
    top = network.top(second)
    assert network.head(top, torch.stack([top] * 3, dim=1)).shape == (3,)


def test_without_ya_it_sees_three_images() -> None:
    network = AppearanceDiscriminator(small("natops", "no_y"))
    assert network.deconv.in_channels == 3 * AppearanceDiscriminator(small("natops")).deconv.in_channels // 4
    _, second = network.tower(torch.zeros(2, 3, 16, 16))
    assert network.head(None, torch.stack([network.top(second)] * 3, dim=1)).shape == (2,)
