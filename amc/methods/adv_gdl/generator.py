"""The multi-scale generator of Adv+GDL (Mathieu et al. 2016, section 3.1).

Shapes: B clips, T frames, H = W = size. The four scales are size/8, size/4, size/2 and size pixels, so 8 to 64 at the
paper's size. Channels are those of the paper at width 1; `ModelConfig.channels` scales them at smaller presets, and
kernels stay.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.config import Config

SEEN = 4  # frames that the networks see
SCALES = (8, 4, 2, 1)  # the factor between a frame and each scale, coarse to fine

# Hidden channels and kernel sizes of each scale's network.
NETWORKS: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
    ((128, 256, 128), (3, 3, 3, 3)),
    ((128, 256, 128), (5, 3, 3, 5)),
    ((128, 256, 512, 256, 128), (5, 3, 3, 3, 3, 5)),
    ((128, 256, 512, 256, 128), (7, 5, 5, 5, 5, 7)),
)


def pyramid(frames: Tensor) -> list[Tensor]:
    """Frames (B, C, H, W), average-pooled to each scale, coarse to fine."""
    return [F.avg_pool2d(frames, factor) if factor > 1 else frames for factor in SCALES]


class AdvGDL(nn.Module):
    """Predicts the frame after four; at test time frame after frame, from its own output."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.horizon = config.model.frames - SEEN
        self.networks = nn.ModuleList(
            _convs(3 * SEEN + (3 if scale > 0 else 0), [config.model.channels(c) for c in hidden], kernels)
            for scale, (hidden, kernels) in enumerate(NETWORKS)
        )

    def forward(self, seen: Tensor) -> Tensor:
        """Predicts frames 5 ... T. Each scale drops its oldest frame and appends its own prediction.

        Args:
            seen: (B, 4, 3, H, W) in [-1, 1].

        Returns:
            (B, T-4, 3, H, W) in [-1, 1].
        """
        windows = pyramid(seen.flatten(1, 2))
        frames = []
        for _ in range(self.horizon):
            predictions = self.predict(windows)
            frames.append(predictions[-1])
            windows = [torch.cat([w[:, 3:], p], dim=1) for w, p in zip(windows, predictions, strict=True)]
        return torch.stack(frames, dim=1)

    def predict(self, windows: list[Tensor]) -> list[Tensor]:
        """The next frame at each scale, coarse to fine: tanh of the upsampled coarser prediction plus a correction.

        Args:
            windows: per scale (B, 12, h, w), the four frames before it, stacked on channels. The networks are fully
                convolutional: H and W are any multiples of 8.

        Returns:
            per scale (B, 3, h, w) in [-1, 1], float32.
        """
        predictions: list[Tensor] = []
        for network, window in zip(self.networks, windows, strict=True):
            if predictions:
                coarser = F.interpolate(predictions[-1], scale_factor=2.0, mode="nearest")
                correction = network(torch.cat([window, coarser], dim=1)).float()
                predictions.append(torch.tanh(coarser + correction))
            else:
                predictions.append(torch.tanh(network(window).float()))
        return predictions


def _convs(inputs: int, hidden: list[int], kernels: tuple[int, ...]) -> nn.Sequential:
    """Convolutions that keep height and width, with ReLUs between them, from `inputs` channels to a frame."""
    channels = [inputs, *hidden, 3]
    layers: list[nn.Module] = []
    for before, after, kernel in zip(channels, channels[1:], kernels, strict=False):
        layers += [nn.Conv2d(before, after, kernel, padding=kernel // 2), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers[:-1])
