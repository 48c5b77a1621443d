"""CDNA (Finn, Goodfellow and Levine, NeurIPS 2016), the first baseline of Table 3: `METHOD`, its entry in the registry.

    transformation.py    the predicted kernels and what they do to a frame
    network.py           seven convLSTMs that predict kernels, masks and a scratch image
    step.py              the training step

Departures from the released code: the motion condition y_m,t stands for actions and states, and no state is predicted;
the network sees its own output from the first step on, in training as well; all kernels have a mask
(`transformation.composed`).
"""

from __future__ import annotations

from torch import Tensor, nn

from amc.methods.cdna.network import CDNA
from amc.methods.cdna.settings import CDNASettings
from amc.methods.cdna.step import CDNAStep
from amc.methods.networks import multiple_of
from amc.methods.protocol import Method


def _generate(network: nn.Module, seen: Tensor, motion: Tensor, noise: Tensor) -> Tensor:
    video: Tensor = network(seen[:, 0], motion)
    return video


METHOD = Method(
    name="cdna",
    title="CDNA",
    networks={"generator": CDNA},
    predictor="generator",
    frames_seen=1,
    build=CDNAStep,
    generate=_generate,
    settings=CDNASettings,
    # A step costs less than AMC-GAN's, so that a run of the same cost has more of them.
    presets={"compact": {"training.steps": 2400}},
    search_space={
        "method.learning_rate": {"kind": "log", "factor": 5},
        "method.beta1": {"kind": "float", "low": 0.5, "high": 0.95},
        "method.kernels": {"kind": "int", "low": 5, "high": 15},
    },
    check=multiple_of(8),
)
