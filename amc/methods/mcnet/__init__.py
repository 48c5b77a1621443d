"""MCnet (Villegas, Yang, Hong, Lin and Lee, ICLR 2017), a baseline of Table 3: `METHOD`, its entry in the registry.

    generator.py        motion and content encoders, combination, decoder
    discriminator.py    the discriminator, and which player skips its update
    step.py             the training step

It sees four frames and no condition.
"""

from __future__ import annotations

from torch import Tensor, nn

from amc.methods.mcnet.discriminator import Discriminator
from amc.methods.mcnet.generator import SEEN, MCnet
from amc.methods.mcnet.settings import MCnetSettings
from amc.methods.mcnet.step import MCnetStep
from amc.methods.networks import multiple_of
from amc.methods.protocol import Method


def _generate(network: nn.Module, seen: Tensor, motion: Tensor, noise: Tensor) -> Tensor:
    video: Tensor = network(seen)
    return video


METHOD = Method(
    name="mcnet",
    title="MCnet",
    networks={"generator": MCnet, "discriminator": Discriminator},
    predictor="generator",
    frames_seen=SEEN,
    build=MCnetStep,
    generate=_generate,
    settings=MCnetSettings,
    # The published rate, 1e-4, is too slow for as few steps as the small presets have.
    presets={
        "compact": {"training.steps": 2400, "method.learning_rate": 1e-3},
        "smoke": {"method.learning_rate": 1e-3},
    },
    search_space={
        "method.learning_rate": {"kind": "log", "factor": 5},
        "method.beta1": {"kind": "float", "low": 0.0, "high": 0.95},
        "method.horizon": {"kind": "int", "low": 4, "high": 12},
        "method.gdl_weight": {"kind": "log", "factor": 10},
        "method.adversarial_weight": {"kind": "log", "factor": 10},
    },
    check=multiple_of(16),
    needs_keypoints=False,
)
