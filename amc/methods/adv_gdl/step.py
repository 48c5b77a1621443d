"""The training step of Adv+GDL: from four frames to the next one, on patches, at four scales."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.config import Config
from amc.data.conditions import Batch
from amc.machine.capabilities import quick_products, resolve
from amc.methods.adv_gdl.discriminator import Discriminators, patch_size
from amc.methods.adv_gdl.generator import SEEN, AdvGDL, pyramid
from amc.methods.adv_gdl.settings import AdvGDLSettings
from amc.methods.crops import random_crops
from amc.methods.gradient_difference import gradient_difference
from amc.methods.networks import adam, cross_entropy, frozen, seeded
from amc.methods.protocol import Losses


class AdvGDLStep:
    """Adv+GDL's networks, optimisers and training step (a `TrainingStep`); neither compiled nor a CUDA graph."""

    def __init__(self, config: Config, device: torch.device) -> None:
        assert isinstance(config.method, AdvGDLSettings)
        self.settings, self.seed, self.patch = config.method, config.seed, patch_size(config)
        self.machine = replace(resolve(config.machine, device), compiled=False, graphed=False)
        self.generator = seeded(AdvGDL, config, device, 0)
        self.discriminators = seeded(Discriminators, config, device, 1)
        self.networks: dict[str, nn.Module] = {"generator": self.generator, "discriminator": self.discriminators}
        self.optimizers = {
            "generator": self._optimizer(self.generator, self.settings.learning_rate),
            "discriminator": self._optimizer(self.discriminators, self.settings.discriminator_learning_rate),
        }

    def _optimizer(self, network: nn.Module, rate: float) -> torch.optim.Optimizer:
        if self.settings.optimizer == "adam":
            return adam(network.parameters(), rate, (0.5, 0.999), self.machine)
        return torch.optim.SGD(network.parameters(), rate)

    def __call__(self, batch: Batch, step: int) -> Losses:
        """Trains on five consecutive frames and one patch of each clip, at random places.

        Returns:
            all losses, unweighted, each a sum over scales.
        """
        frames = random_crops(batch.clip, SEEN + 1, self.patch, self.seed, step).flatten(1, 2)
        windows, real = pyramid(frames[:, : 3 * SEEN]), pyramid(frames[:, 3 * SEEN :])
        with quick_products(self.machine.device):
            with self.machine.mixed():
                predicted = self.generator.predict(windows)
            losses = self._discriminate(windows, real, [each.detach() for each in predicted])
            return losses | self._generate(windows, real, predicted)

    def _discriminate(self, windows: list[Tensor], real: list[Tensor], predicted: list[Tensor]) -> Losses:
        with self.machine.mixed():
            real_scores = self.discriminators(windows, real)
            generated_scores = self.discriminators(windows, predicted)
        on_real = torch.stack([cross_entropy(score, 1.0) for score in real_scores]).sum()
        on_generated = torch.stack([cross_entropy(score, 0.0) for score in generated_scores]).sum()
        self._update("discriminator", on_real + on_generated)
        return {"loss/d_real": on_real.detach(), "loss/d_generated": on_generated.detach()}

    def _generate(self, windows: list[Tensor], real: list[Tensor], predicted: list[Tensor]) -> Losses:
        pairs = list(zip(predicted, real, strict=True))
        l1 = torch.stack([F.l1_loss(mine, other) for mine, other in pairs]).sum()
        gdl = torch.stack([gradient_difference(mine, other) for mine, other in pairs]).sum()
        with frozen(list(self.discriminators.parameters())):
            with self.machine.mixed():
                scores = self.discriminators(windows, predicted)
            adversarial = torch.stack([cross_entropy(score, 1.0) for score in scores]).sum()
            weights = self.settings
            self._update("generator", l1 + weights.gdl_weight * gdl + weights.adversarial_weight * adversarial)
        return {"loss/l1": l1.detach(), "loss/gdl": gdl.detach(), "loss/g_adversarial": adversarial.detach()}

    def _update(self, player: str, loss: Tensor) -> None:
        self.optimizers[player].zero_grad(set_to_none=True)
        loss.backward()
        self.optimizers[player].step()
