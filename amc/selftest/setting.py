"""What is checked: a preset on a device, and batches for it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from amc.config import Config, MachineConfig, configure
from amc.data.conditions import Batch
from amc.methods.amc_gan.step import AMCStep
from amc.reference.examples import random_batch, small

FEW = 2  # clips per batch at paper size, where a step on a full batch takes a CPU minutes


@dataclass(frozen=True)
class Setting:
    """A preset on a device.

    Attributes:
        config: the preset, with the batch size that is checked here.
        few: a batch size that also fits the literal step, which stores many more maps.
    """

    config: Config
    device: torch.device
    few: int

    def small(self) -> Config:
        """A tiny network for slow checks."""
        return small("natops", frames=4)

    def step(self, config: Config, **machine: str) -> AMCStep:
        """A production step on the device: float32, not compiled, not graphed, except for what `machine` sets."""
        settings: dict[str, Any] = {"precision": "fp32", "compile": "off", "graph": "off"} | machine
        return AMCStep(replace(config, machine=MachineConfig(**settings)), self.device)

    def batch(
        self, config: Config, seed: int, *, clips: int | None = None, dtype: torch.dtype = torch.float32
    ) -> Batch:
        """A random batch on the device; `clips` overrides the batch size."""
        made = random_batch(config, clips or config.training.batch, seed=seed, dtype=dtype)
        values: dict[str, Any] = {f.name: getattr(made, f.name) for f in fields(made)}
        moved: dict[str, Any] = {n: v.to(self.device) if isinstance(v, Tensor) else v for n, v in values.items()}
        return Batch(**moved)


def setting(preset: str, device: torch.device) -> Setting:
    """NATOPS at a preset; at paper size a CPU gets small batches."""
    config = configure("natops", preset)
    few = min(FEW, config.training.batch) if preset == "paper" else config.training.batch
    clips = few if device.type == "cpu" else config.training.batch
    return Setting(replace(config, training=replace(config.training, batch=clips)), device, few)
