"""Classes and features of clips from one pass of the motion classifier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from amc.evaluation.judges.motion_classifier import predict
from amc.models.motion_classifier import MotionClassifier


@dataclass(frozen=True)
class ClassifierOutput:
    """The output for n clips.

    Attributes:
        classes: (n,) the most likely classes.
        features: (n, d) the input of the last fully connected layer: 128 values at full width, after batch norm and
            leaky ReLU.
    """

    classes: NDArray[np.int64]
    features: NDArray[np.float32]


def classify(network: MotionClassifier, video: NDArray[np.uint8], length: int) -> ClassifierOutput:
    """Classes (as by `predict`) and features of videos (n, t, H, W, 3), n > 0, t >= T - d, T = `length`."""
    last = network.classify[-1]
    parts: list[NDArray[np.float32]] = []

    def keep(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        parts.append(inputs[0].cpu().numpy())

    with torch.inference_mode():
        hook = last.register_forward_pre_hook(keep)
        try:
            logits = predict(network, video, length)
        finally:
            hook.remove()
    # `predict` pads its last batch.
    return ClassifierOutput(logits.argmax(1), np.concatenate(parts)[: len(logits)])
