"""An exponential moving average of a network's weights, for evaluation: it varies less than GAN training does."""

from __future__ import annotations

import copy

import torch
from torch import nn


class WeightEMA:
    """Averages parameters and batch-norm statistics: average = decay * average + (1 - decay) * network.

    After n updates the decay is at most (1 + n) / (10 + n), so that the initial weights are soon forgotten.

    Attributes:
        network: a copy of the network, with the averaged weights.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.network = copy.deepcopy(network).requires_grad_(False)

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Adds the weights after training step `step`, which counts from 0."""
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        mine, other = self.network.state_dict(), network.state_dict()
        floats = [name for name, value in other.items() if value.is_floating_point()]
        torch._foreach_lerp_([mine[name] for name in floats], [other[name] for name in floats], weight)
        for name in other.keys() - set(floats):
            mine[name].copy_(other[name])
