"""What a motion classifier sees in clips: their classes, and the features that it tells them by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from amc.evaluation.judges.motion_classifier import predict
from amc.models.motion_classifier import MotionClassifier


@dataclass(frozen=True)
class Seen:
    """Of n clips.

    Attributes:
        classes: (n,) the most likely ones.
        features: (n, d) what goes into the last fully connected layer: 128 values at full width, after batch norm and
            leaky ReLU (dropout does nothing in eval mode).
    """

    classes: NDArray[np.int64]
    features: NDArray[np.float32]


def seen(network: MotionClassifier, video: NDArray[np.uint8], length: int) -> Seen:
    """What `network` sees in a video (n, t, H, W, 3), n > 0, t >= T - d, T = `length`: classes as by `predict`."""
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
    # `predict` fills its last batch up.
    return Seen(logits.argmax(1), np.concatenate(parts)[: len(logits)])
