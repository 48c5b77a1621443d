"""The arithmetic of a training step, counted without doing it."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from amc.config import Config
from amc.data.conditions import Batch, centre_count
from amc.methods import method_of


def training_step_macs(config: Config) -> int:
    """Multiply-accumulates of one training step on a whole batch, forward and backward.

    Matrix products and convolutions are counted while the production step runs on tensors without values (device
    "meta"). Elementwise operations are not counted.
    """
    meta = torch.device("meta")
    step = method_of(config).build(config, meta)
    # The fused Adam refuses such tensors; an optimiser has no product to count.
    step.optimizers = {
        name: torch.optim.SGD(optimizer.param_groups[0]["params"]) for name, optimizer in step.optimizers.items()
    }
    b, size, steps = config.training.batch, config.model.size, config.model.frames - 1
    batch = Batch(
        clip=torch.empty(b, steps + 1, 3, size, size, device=meta),
        motion=torch.empty(b, steps, config.q, device=meta),
        other_appearance=torch.empty(b, 3, size, size, device=meta),
        other_motion=torch.empty(b, steps, config.q, device=meta),
        noise=torch.empty(b, config.model.noise, device=meta),
        centres=torch.empty(b, centre_count(config), dtype=torch.long, device=meta),
        classes=config.dataset.classes,
    )
    counter = FlopCounterMode(display=False)
    with counter:
        step(batch, 0)
    return int(counter.get_total_flops()) // 2
