"""A method of your own: a U-Net that predicts frames x_2 ... x_T from ya and ym, each frame by itself.

After `pip install` of this folder, `--method unet` trains it in every command.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.config import Config, MethodSettings
from amc.data.conditions import Batch
from amc.machine.capabilities import Machine
from amc.methods.networks import seeded
from amc.methods.protocol import Losses, Method


@dataclass(frozen=True)
class UNetSettings(MethodSettings):
    """The method's hyperparameters: `method.width` and `method.learning_rate` in a search space."""

    width: int = 32
    learning_rate: float = 1e-3


class UNet(nn.Module):
    """Predicts frame t from ya (B, 3, H, W) and the motion condition (B, T-1, q) up to t."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        assert isinstance(config.method, UNetSettings)
        width = config.method.width
        self.fine = _block(3 + 2 * config.q, width)
        self.coarse = _block(width, 2 * width)
        self.merge = _block(3 * width, width)
        self.frame = nn.Conv2d(width, 3, 1)

    def forward(self, ya: Tensor, ym: Tensor) -> Tensor:
        steps, size = ym.shape[1], ya.shape[-2:]
        # The sum of velocities up to t is where the keypoints are at t; the sum of a constant class says how late t is.
        condition = torch.cat([ym, ym.cumsum(1) / steps], dim=2).flatten(0, 1)[:, :, None, None].expand(-1, -1, *size)
        fine = self.fine(torch.cat([ya.repeat_interleave(steps, 0), condition], dim=1))
        coarse = self.coarse(F.max_pool2d(fine, 2))
        merged = self.merge(torch.cat([fine, F.interpolate(coarse, scale_factor=2)], dim=1))
        frames: Tensor = self.frame(merged)
        return frames.tanh().unflatten(0, (-1, steps))


def _block(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 5, padding=2), nn.GroupNorm(1, outputs), nn.ReLU(),
        nn.Conv2d(outputs, outputs, 5, padding=2), nn.GroupNorm(1, outputs), nn.ReLU(),
    )  # fmt: skip


class UNetStep:
    """Network, optimiser and training step (`amc.methods.protocol.TrainingStep`)."""

    def __init__(self, config: Config, device: torch.device) -> None:
        assert isinstance(config.method, UNetSettings)
        self.machine = Machine(device)
        self.unet = seeded(UNet, config, device, 0)
        self.networks: dict[str, nn.Module] = {"unet": self.unet}
        self.adam = torch.optim.Adam(self.unet.parameters(), lr=config.method.learning_rate)
        self.optimizers: dict[str, torch.optim.Optimizer] = {"unet": self.adam}

    def __call__(self, batch: Batch, step: int) -> Losses:
        loss = F.l1_loss(self.unet(batch.clip[:, 0], batch.motion), batch.clip[:, 1:])
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        return {"loss/l1": loss.detach()}


METHOD = Method(
    name="unet",
    title="U-Net",
    networks={"unet": UNet},
    predictor="unet",
    frames_seen=1,
    build=UNetStep,
    generate=lambda network, seen, motion, noise: network(seen[:, 0], motion),
    settings=UNetSettings,
    presets={"smoke": {"method.width": 8}, "compact": {"method.width": 16}},
    search_space={
        "method.learning_rate": {"kind": "log", "factor": 5},
        "method.width": {"kind": "int", "low": 4, "high": 32},
    },
)
