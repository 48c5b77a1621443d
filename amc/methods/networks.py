"""What the steps of all methods do with their networks: build them, optimise them, freeze them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.config import Config
from amc.errors import UserError
from amc.machine.capabilities import Machine

M = TypeVar("M", bound=nn.Module)


def seeded(network: Callable[[Config], M], config: Config, device: torch.device, number: int) -> M:
    """A network on a device, channels last. Its initial weights depend on the run's seed and on its own number only.

    Args:
        number: of the network within its method, from 0 to 15.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed * 16 + number)
        made = network(config).to(device)
    for parameter in made.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return made


def multiple_of(pixels: int) -> Callable[[Config], None]:
    """The check of a method (`amc.methods.protocol.Method.check`) whose networks halve frames and double them again.

    Args:
        pixels: what the height and width of clips must be a multiple of.
    """

    def check(config: Config) -> None:
        size = config.model.size
        if size < pixels or size % pixels:
            raise UserError(f"method {config.method.name!r} needs clips of a multiple of {pixels} pixels, not {size}")

    return check


def adam(
    parameters: Iterable[nn.Parameter], rate: float, betas: tuple[float, float], machine: Machine
) -> torch.optim.Adam:
    """Adam, in the form that the machine's settings need."""
    # A recorded step reads the rate from memory, so that it can change.
    lr = torch.tensor(rate, device=machine.device) if machine.graphed else rate
    return torch.optim.Adam(parameters, lr, betas, fused=True, capturable=machine.graphed)


@contextmanager
def frozen(parameters: Sequence[nn.Parameter]) -> Iterator[None]:
    """No gradients for these parameters: the generator's update does not change the discriminators."""
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


def cross_entropy(logits: Tensor, target: float) -> Tensor:
    """Binary cross entropy of scores with one target, (N,) to (), in float32."""
    return F.binary_cross_entropy_with_logits(logits.float(), torch.full_like(logits, target, dtype=torch.float32))
