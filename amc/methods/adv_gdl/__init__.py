"""Adv+GDL (Mathieu, Couprie and LeCun, ICLR 2016), a baseline of Table 3: `METHOD`, its entry in the registry.

    generator.py        a network a scale, each of which corrects the prediction of the coarser one
    discriminator.py    a discriminator a scale, on patches
    step.py             the training step

It sees four frames and no condition.
"""

from __future__ import annotations

from torch import Tensor, nn

from amc.methods.adv_gdl.discriminator import Discriminators
from amc.methods.adv_gdl.generator import SEEN, AdvGDL
from amc.methods.adv_gdl.settings import AdvGDLSettings
from amc.methods.adv_gdl.step import AdvGDLStep
from amc.methods.networks import multiple_of
from amc.methods.protocol import Method


def _generate(network: nn.Module, seen: Tensor, motion: Tensor, noise: Tensor) -> Tensor:
    video: Tensor = network(seen)
    return video


# SGD, as published, needs far more steps than the small presets have.
_ADAM = {"method.optimizer": "adam", "method.learning_rate": 1e-3, "method.discriminator_learning_rate": 2e-4}
_SLOWER = {"method.learning_rate": 3e-4, "method.discriminator_learning_rate": 1e-4}

METHOD = Method(
    name="adv_gdl",
    title="Adv+GDL",
    networks={"generator": AdvGDL, "discriminator": Discriminators},
    predictor="generator",
    frames_seen=SEEN,
    build=AdvGDLStep,
    generate=_generate,
    settings=AdvGDLSettings,
    presets={
        # A clip takes long to generate, scale by scale and frame by frame, so evaluations are rarer.
        "compact": {"training.steps": 4000, "training.evaluate_every": 400, **_ADAM, **_SLOWER},
        "smoke": _ADAM,
    },
    search_space={
        "method.learning_rate": {"kind": "log", "factor": 5},
        "method.discriminator_learning_rate": {"kind": "log", "factor": 5},
        "method.gdl_weight": {"kind": "log", "factor": 10},
        "method.adversarial_weight": {"kind": "log", "factor": 10},
    },
    check=multiple_of(8),
    needs_keypoints=False,
)
