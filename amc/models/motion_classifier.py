"""The motion classifier of appendix B.3: a 3D CNN that names the motion of a video.

It judges generated clips, so it must not be able to tell the class from the conditioning frames: the first four
frames (R15) never reach it (`classifier_input`).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from amc.config import ModelConfig

LEAK = 0.2  # R24
HIDDEN = (64, 128, 256)  # channels of the stride-2 layers at width 1
EMBEDDING = 512  # of the stride-4 layer
FEATURES = 128  # of the fully connected layer

Extent = tuple[int, int, int]


def classifier_input(frames: Tensor, length: int, discarded: int = ModelConfig.discarded_frames) -> Tensor:
    """The last T - d frames of a video, the first and the last of them repeated so that T go in (R15).

    With d = 4 each is repeated twice, as appendix B.3 has it; of an odd d the last frame takes the larger half.

    Args:
        frames: (B, n, 3, H, W) with n >= T - d; real and generated clips alike.
        length: T, the number of frames the classifier takes.
        discarded: d, `config.model.discarded_frames`.

    Returns:
        (B, T, 3, H, W).

    Raises:
        ValueError: fewer than T - d frames, or T too short for any to be left.
    """
    kept = length - discarded
    if kept < 1 or frames.shape[1] < kept:
        raise ValueError(f"{frames.shape[1]} frames given; the classifier of {length}-frame clips needs {max(kept, 1)}")
    last = frames[:, frames.shape[1] - kept :]
    before = discarded // 2
    return torch.cat([*[last[:, :1]] * before, last, *[last[:, -1:]] * (discarded - before)], dim=1)


class MotionClassifier(nn.Module):
    """conv3d(64) - conv3d(128) - conv3d(256) - conv3d(512) - fc(128) - fc(c), as appendix B.3 has it.

    Kernels are 4x4x4; stride 2 with padding 1 halves each axis three times, then stride 4 without padding leaves
    2x2x512 of 64x64x32. Smaller clips outrun these strides: R25 says how the last layer shrinks.
    """

    def __init__(self, model: ModelConfig, classes: int) -> None:
        super().__init__()
        self.classes, self.discarded_frames = classes, model.discarded_frames

        def channels(paper: int) -> int:
            return max(4, round(paper * model.classifier_width))

        extent: Extent = (model.frames, model.size, model.size)  # what is left of T, H, W
        layers: list[nn.Module] = []
        inputs = 3
        for index, paper in enumerate(HIDDEN):
            if max(extent) == 1:  # R25: a strided layer with no extent left is dropped
                break
            kernel = _each(lambda n: 4 if n > 1 else 1, extent)
            stride = _each(lambda n: 2 if n > 1 else 1, extent)
            padding = _each(lambda n: 1 if n > 1 else 0, extent)
            layers.append(nn.Conv3d(inputs, channels(paper), kernel, stride, padding))
            if index > 0:
                layers.append(nn.BatchNorm3d(channels(paper)))
            layers.append(nn.LeakyReLU(LEAK))
            inputs = channels(paper)
            extent = _each(lambda n: max(1, n // 2), extent)
        if max(extent) > 1:
            kernel = _each(lambda n: min(4, n), extent)
            layers.append(nn.Conv3d(inputs, channels(EMBEDDING), kernel, kernel))  # no activation after it (R24)
            inputs = channels(EMBEDDING)
            extent = _each(lambda n: n // min(4, n), extent)
        self.embed = nn.Sequential(*layers)
        self.classify = nn.Sequential(
            nn.Linear(inputs * extent[0] * extent[1] * extent[2], channels(FEATURES)),
            nn.BatchNorm1d(channels(FEATURES)),
            nn.LeakyReLU(LEAK),
            nn.Dropout(0.5),
            nn.Linear(channels(FEATURES), classes),
        )

    def forward(self, video: Tensor) -> Tensor:
        """Logits (B, c) of a video (B, T, 3, H, W) in [-1, 1] that went through `classifier_input`."""
        logits: Tensor = self.classify(self.embed(video.transpose(1, 2)).flatten(1))
        return logits


def _each(rule: Callable[[int], int], extent: Extent) -> Extent:
    return rule(extent[0]), rule(extent[1]), rule(extent[2])
