"""Losses and gradients of two training steps, and their differences."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from amc.data.conditions import Batch
from amc.machine.capabilities import quick_products
from amc.reference.examples import gradients

AT_STEP = 7  # step number, for label smoothing
_LONG = 10.0  # seconds after which no further step is timed


class Step(Protocol):
    """The interface that the production and the literal step share."""

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The networks, by the same names in both."""

    def generate(self, batch: Batch) -> dict[str, Tensor]:
        """Videos by row of Table 1, (B, T-1, 3, H, W)."""

    def discriminator_loss(
        self, batch: Batch, videos: dict[str, Tensor], step: int
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The total and its terms."""

    def generator_loss(self, batch: Batch, videos: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The total and its terms."""


@dataclass(frozen=True)
class StepResult:
    """Outputs of a step for one batch, without an update.

    Attributes:
        videos: by row of Table 1.
        terms: every loss term, and the totals of both players.
        gradients: of every parameter, by network, from its own player's loss; zero if the loss does not depend on it.
    """

    videos: dict[str, Tensor]
    terms: dict[str, float]
    gradients: dict[str, dict[str, Tensor]]


def losses_and_gradients(step: Step, batch: Batch) -> StepResult:
    """Losses of both players on one batch, and the gradients of all parameters."""
    with quick_products(batch.clip.device):
        videos = step.generate(batch)
        total_d, terms_d = step.discriminator_loss(batch, videos, AT_STEP)
        slopes = _slopes(step, total_d) if len(step.networks) > 1 else {}
        total_g, terms_g = step.generator_loss(batch, videos)
        slopes |= {"generator": _slopes(step, total_g)["generator"]}
    terms = terms_d | terms_g | {"total/discriminator": total_d, "total/generator": total_g}
    return StepResult(
        {name: video.detach() for name, video in videos.items()},
        {name: float(value.detach()) for name, value in terms.items()},
        slopes,
    )


def _slopes(step: Step, total: Tensor) -> dict[str, dict[str, Tensor]]:
    for network in step.networks.values():
        network.zero_grad(set_to_none=True)
    total.backward()
    return {name: gradients(network) for name, network in step.networks.items()}


def apart(expected: Mapping[str, Tensor], actual: Mapping[str, Tensor]) -> float:
    """Largest difference of equally named tensors, relative to the largest expected value; inf if one is not finite."""
    scale = max(float(value.abs().max()) for value in expected.values())
    found = [float((value - actual[name]).abs().max()) for name, value in expected.items()]
    return max(found) / scale if all(map(math.isfinite, found)) else math.inf


def terms_apart(expected: Mapping[str, float], actual: Mapping[str, float]) -> tuple[float, str]:
    """The largest relative difference of a term, and its name; inf if one is not finite.

    A ranking hinge is a small difference of two distances: its error is relative to the distance if that is larger.
    """
    found: dict[str, float] = {}
    for name, value in expected.items():
        size = abs(value)
        if name.startswith("loss/rank_"):
            size = max(size, abs(expected.get(name.replace("loss/rank_", "distance/"), 0.0)))
        difference = abs(actual[name] - value) / max(size, 1e-12)
        found[name] = difference if math.isfinite(difference) else math.inf
    worst = max(found, key=lambda name: found[name])
    return found[worst], worst


def turned(expected: Mapping[str, Tensor], actual: Mapping[str, Tensor]) -> float:
    """1 - the cosine of the angle between two networks' gradients, all parameters in one vector; inf if not finite."""
    a = torch.cat([value.flatten() for value in expected.values()]).double()
    b = torch.cat([actual[name].flatten() for name in expected]).double()
    cosine = float(a @ b / (a.norm() * b.norm()))
    return 1 - cosine if math.isfinite(cosine) else math.inf


@contextmanager
def exact_products() -> Iterator[None]:
    """Turns TF32 off inside the block: it rounds the factors of float32 convolutions on CUDA to ten bits."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def wait(device: torch.device) -> None:
    """Waits until the device has finished."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def step_seconds(step: Callable[[Batch, int], object], batch: Batch, *, warm: int = 1, most: int = 5) -> float:
    """Median seconds of a training step after `warm` others, over up to `most` steps; fewer if they are slow."""
    device = batch.clip.device
    taken: list[float] = []
    for at in range(warm):
        step(batch, at)
    while len(taken) < most and sum(taken) < _LONG:
        wait(device)
        started = time.perf_counter()
        step(batch, warm + len(taken))
        wait(device)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)
