"""Training of judges for a fixed number of steps, so that nothing is selected on held-out clips."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from amc.evaluation.judges.judge_cache import cpu_threads
from amc.progress import Progress

Network = TypeVar("Network", bound=nn.Module)


class FixedLength(Protocol):
    """The settings of `fit`."""

    @property
    def steps(self) -> int: ...  # mini-batches

    @property
    def learning_rate(self) -> float: ...  # of Adam; falls to 0 along a half cosine

    @property
    def report_every(self) -> int: ...  # mini-batches between calls of `progress`


def fit(
    build: Callable[[], Network],
    loss: Callable[[Network, np.random.Generator, torch.device], Tensor],
    recipe: FixedLength,
    seed: int,
    progress: Progress | None,
) -> Network:
    """Builds and trains a network, on one CPU thread or on CUDA; global random states are left as they were.

    Small networks gain little from a second thread, and their weights then do not depend on the number of threads.

    Args:
        loss: draws a mini-batch and returns its loss.
        seed: of the initial weights and of the generator that `loss` draws with.
        progress: called with the mini-batches done and their number, except at the end.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with cpu_threads(1), torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        network = build().to(device)
        optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.steps)
        draw = np.random.default_rng(seed)
        network.train()
        for step in range(1, recipe.steps + 1):
            value = loss(network, draw, device)
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            optimizer.step()
            schedule.step()
            if progress is not None and step % recipe.report_every == 0 and step < recipe.steps:
                progress(step, recipe.steps)
    return network
