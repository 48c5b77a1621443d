"""The learning rate at each step: constant, then a linear decay to 0 at the end of the run."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from amc.config import Config


def decay_factor(step: int, steps: int, share: float) -> float:
    """Factor on the learning rate at a step, which counts from 0.

    Args:
        steps: length of the run.
        share: share of the run, at its end, over which the factor falls from 1 to 0.

    Returns:
        1 before the decay; in the decay, a value in (0, 1] that would be 0 at step `steps`.
    """
    if share == 0:
        return 1.0
    return min(1.0, max(0.0, (steps - step) / (share * steps)))


class LearningRateDecay:
    """Sets the rates of all optimisers of a run from the step number alone, so resuming needs no state for them."""

    def __init__(self, config: Config, optimizers: Mapping[str, torch.optim.Optimizer]) -> None:
        self.steps, self.share = config.training.steps, config.optimizer.decay_share
        self.optimizers = optimizers
        self.initial = {
            name: [float(group["lr"]) for group in optimizer.param_groups] for name, optimizer in optimizers.items()
        }

    def set(self, step: int) -> None:
        """Sets the rates of training step `step`, which counts from 0."""
        if self.share == 0:
            return
        factor = decay_factor(step, self.steps, self.share)
        for name, optimizer in self.optimizers.items():
            for group, rate in zip(optimizer.param_groups, self.initial[name], strict=True):
                if isinstance(group["lr"], torch.Tensor):
                    group["lr"].fill_(rate * factor)  # a recorded step reads it from this memory
                else:
                    group["lr"] = rate * factor
