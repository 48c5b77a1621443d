"""The literal training step that production is held to. It belongs to the tests, so it is there in a checkout only."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Protocol

from torch import Tensor, nn

import amc
from amc.config import Config
from amc.data.conditions import Batch
from amc.errors import UserError
from amc.training.step import AMCStep

#: The folder that holds the package: the repository, where it is a checkout.
ROOT = Path(amc.__file__).resolve().parents[1]


class Step(Protocol):
    """What production's and the literal step have in common."""

    @property
    def networks(self) -> dict[str, nn.Module]:
        """By the same names in both."""

    def generate(self, batch: Batch) -> dict[str, Tensor]:
        """Videos by their row of Table 1, (B, T-1, 3, H, W)."""

    def discriminator_loss(
        self, batch: Batch, videos: dict[str, Tensor], step: int
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The total and its terms."""

    def generator_loss(self, batch: Batch, videos: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The total and its terms."""


@dataclass(frozen=True)
class Reference:
    """What `tests/literal` offers.

    Attributes:
        step: the literal step of a configuration, on the CPU.
        pair: production and literal in float64 with the same shaken weights, on the CPU.
        small: a tiny configuration of a data set, by name.
        random_batch: a batch for a configuration, of so many clips, on the CPU.
    """

    step: Callable[[Config], Step]
    pair: Callable[[Config], tuple[AMCStep, Step]]
    small: Callable[..., Config]
    random_batch: Callable[..., Batch]


def load(root: Path = ROOT) -> Reference:
    """The reference of the checkout at `root`.

    Raises:
        UserError: there is none.
    """
    tests = root / "tests"
    if not (tests / "literal" / "step.py").is_file():
        raise UserError(
            f"the selftest needs tests/literal, which {root} does not have: run it in a checkout of the repository"
        )
    known = sys.modules.get("tests")
    if known is None or str(tests) not in map(str, getattr(known, "__path__", ())):
        # By hand, as any package called tests that is installed would come before a folder without __init__.py.
        package = ModuleType("tests")
        package.__path__ = [str(tests)]
        sys.modules["tests"] = package
    examples = importlib.import_module("tests.literal.examples")
    literal = importlib.import_module("tests.literal.step")
    return Reference(literal.LiteralStep, examples.pair, examples.small, examples.random_batch)
