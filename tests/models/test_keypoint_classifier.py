from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from amc.config import configure, natops
from amc.models.keypoint_classifier import KeypointClassifier


@pytest.mark.parametrize(("dataset", "count"), [("natops", 82_912), ("mug", 81_724)])
def test_parameter_count_at_paper_size(dataset: str, count: int) -> None:
    config = configure(dataset, "paper")
    network = KeypointClassifier(config.model, config.dataset.classes)
    assert sum(p.numel() for p in network.parameters()) == count


def test_layers_of_appendix_b4() -> None:
    network = KeypointClassifier(natops().model, 6).eval()
    layers = [type(layer).__name__ for layer in (*network.embed, *network.classify)]
    assert layers == [
        *(["Conv2d", "BatchNorm2d", "LeakyReLU"] * 5),
        *("Linear", "BatchNorm1d", "LeakyReLU", "Linear", "BatchNorm1d", "LeakyReLU", "Dropout", "Linear"),
    ]
    convolutions = [layer for layer in network.embed if isinstance(layer, nn.Conv2d)]
    assert all(c.kernel_size == (4, 4) for c in convolutions)
    assert [c.stride[0] for c in convolutions] == [2, 2, 2, 2, 4]
    assert convolutions[0].in_channels == 28
    assert network.embed(torch.zeros(1, 28, 64, 64)).shape == (1, 32, 1, 1)
    assert network(torch.zeros(2, 28, 64, 64)).shape == (2, 6)


@pytest.mark.parametrize(
    ("size", "strides"), [(32, [2, 2, 2, 2, 2]), (16, [2, 2, 2, 2]), (12, [2, 2, 2]), (24, [2, 2, 2, 2])]
)
def test_strides_shrink_with_the_map(size: int, strides: list[int]) -> None:
    network = KeypointClassifier(replace(natops().model, size=size, frames=8), 3).eval()
    assert [layer.stride[0] for layer in network.embed if isinstance(layer, nn.Conv2d)] == strides
    assert network(torch.zeros(1, 4, size, size)).shape == (1, 3)
