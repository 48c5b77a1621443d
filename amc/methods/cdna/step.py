"""The training step of CDNA: mean squared error of frames that the network predicts from its own output."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn

from amc.config import Config
from amc.data.conditions import Batch
from amc.machine.capabilities import quick_products, resolve
from amc.methods.cdna.network import CDNA
from amc.methods.cdna.settings import CDNASettings
from amc.methods.networks import adam, seeded
from amc.methods.protocol import Losses


class CDNAStep:
    """CDNA's network, optimiser and training step (a `TrainingStep`); neither compiled nor a CUDA graph."""

    def __init__(self, config: Config, device: torch.device) -> None:
        settings = config.method
        assert isinstance(settings, CDNASettings)
        self.machine = replace(resolve(config.machine, device), compiled=False, graphed=False)
        self.network = seeded(CDNA, config, device, 0)
        self.networks: dict[str, nn.Module] = {"generator": self.network}
        optimizer = adam(self.network.parameters(), settings.learning_rate, (settings.beta1, 0.999), self.machine)
        self.optimizers: dict[str, torch.optim.Optimizer] = {"generator": optimizer}

    def __call__(self, batch: Batch, step: int) -> Losses:
        """Updates the network on frames x_2 ... x_T of a batch. Returns the squared error of pixels in [0, 1]."""
        with quick_products(self.machine.device):
            with self.machine.mixed():
                predicted = self.network(batch.appearance, batch.motion)
            loss = F.mse_loss(predicted, batch.clip[:, 1:]) / 4  # pixels in [-1, 1] to pixels in [0, 1]
            self.optimizers["generator"].zero_grad(set_to_none=True)
            loss.backward()
            self.optimizers["generator"].step()
        return {"loss/mse": loss.detach()}
