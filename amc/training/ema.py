"""An exponential average of the generator's weights, for evaluation: GAN training swings, its average less so."""

from __future__ import annotations

import copy

import torch
from torch import nn


class WeightAverage:
    """Follows a network: average = decay * average + (1 - decay) * network, over parameters and statistics.

    Early on the decay is smaller, (1 + n) / (10 + n) after n updates, so that the first weights are soon forgotten.

    Attributes:
        network: the averaged network.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.network = copy.deepcopy(network).requires_grad_(False)

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Takes in the network after step `step` (from 0)."""
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        mine, other = self.network.state_dict(), network.state_dict()
        floats = [name for name, value in other.items() if value.is_floating_point()]
        torch._foreach_lerp_([mine[name] for name in floats], [other[name] for name in floats], weight)
        for name in other.keys() - set(floats):
            mine[name].copy_(other[name])
