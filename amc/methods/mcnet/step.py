"""The training step of MCnet: the discriminator's update, then the generator's, unless their turn is skipped."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.config import Config
from amc.data.conditions import Batch
from amc.machine.capabilities import quick_products, resolve
from amc.methods.crops import random_crops
from amc.methods.gradient_difference import gradient_difference
from amc.methods.mcnet.discriminator import Discriminator, training_horizon
from amc.methods.mcnet.generator import SEEN, MCnet
from amc.methods.mcnet.settings import MCnetSettings
from amc.methods.networks import adam, cross_entropy, frozen, seeded
from amc.methods.protocol import Losses


class MCnetStep:
    """MCnet's networks, optimisers and training step (a `TrainingStep`); neither compiled nor a CUDA graph."""

    def __init__(self, config: Config, device: torch.device) -> None:
        assert isinstance(config.method, MCnetSettings)
        self.settings, self.seed, self.horizon = config.method, config.seed, training_horizon(config)
        self.machine = replace(resolve(config.machine, device), compiled=False, graphed=False)
        self.generator = seeded(MCnet, config, device, 0)
        self.discriminator = seeded(Discriminator, config, device, 1)
        self.networks: dict[str, nn.Module] = {"generator": self.generator, "discriminator": self.discriminator}
        betas = (self.settings.beta1, 0.999)
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            name: adam(network.parameters(), self.settings.learning_rate, betas, self.machine)
            for name, network in self.networks.items()
        }

    def __call__(self, batch: Batch, step: int) -> Losses:
        """Trains on 4 + horizon consecutive frames of each clip, at a random place. Returns all losses, unweighted."""
        clip = random_crops(batch.clip, SEEN + self.horizon, batch.clip.shape[-1], self.seed, step)
        discriminator_turn, generator_turn = self.discriminator.turns()
        with quick_products(self.machine.device):
            with self.machine.mixed():
                predicted = self.generator(clip[:, :SEEN], self.horizon)
            losses = self._discriminate(clip, predicted.detach(), discriminator_turn)
            return losses | self._generate(clip, predicted, generator_turn)

    def _discriminate(self, clip: Tensor, predicted: Tensor, turn: bool) -> Losses:
        with self.machine.mixed():
            real_score = self.discriminator(clip)
            generated_score = self.discriminator(torch.cat([clip[:, :SEEN], predicted], dim=1))
        real, generated = cross_entropy(real_score, 1.0), cross_entropy(generated_score, 0.0)
        if turn:
            self._update("discriminator", real + generated)
        self.discriminator.last_losses.copy_(torch.stack([real, generated]).detach())
        return {"loss/d_real": real.detach(), "loss/d_generated": generated.detach()}

    def _generate(self, clip: Tensor, predicted: Tensor, turn: bool) -> Losses:
        real = clip[:, SEEN:]
        mse, gdl = F.mse_loss(predicted, real), gradient_difference(predicted, real)
        with frozen(list(self.discriminator.parameters())):
            with self.machine.mixed():
                score = self.discriminator(torch.cat([clip[:, :SEEN], predicted], dim=1))
            adversarial = cross_entropy(score, 1.0)
            if turn:
                weights = self.settings
                loss = mse + weights.gdl_weight * gdl + weights.adversarial_weight * adversarial
                self._update("generator", loss)
        losses = {"loss/mse": mse, "loss/gdl": gdl, "loss/g_adversarial": adversarial}
        return {name: value.detach() for name, value in losses.items()}

    def _update(self, player: str, loss: Tensor) -> None:
        self.optimizers[player].zero_grad(set_to_none=True)
        loss.backward()
        self.optimizers[player].step()
