"""LPIPS between videos, frame by frame (Zhang et al., CVPR 2018), with weights that the user provides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from amc.data.conditions import to_video
from amc.evaluation.metrics.pretrained import PretrainedNetwork, load_pretrained
from amc.models.lpips import LpipsNetwork, at_least

SIZE = 64  # the authors trained the heads on 64 x 64 patches; smaller frames are enlarged to it
BATCH = 64  # pairs of frames per forward pass


class Lpips(PretrainedNetwork[LpipsNetwork]):
    """LPIPS version 0.1 with AlexNet."""

    def __call__(self, first: NDArray[np.uint8], second: NDArray[np.uint8], /) -> NDArray[np.float64]:
        """The distance of each pair of clips, averaged over frames: 0 for equal clips.

        Args:
            first, second: (n, t, H, W, 3), RGB.

        Returns:
            (n,).
        """
        if first.shape != second.shape:
            raise ValueError(f"clips of shapes {first.shape} and {second.shape} do not match")
        frames = [video.reshape(-1, *video.shape[2:]) for video in (first, second)]
        distances = np.empty(len(frames[0]))
        with torch.inference_mode():
            for start in range(0, len(distances), BATCH):
                part = slice(start, start + BATCH)
                pair = (at_least(to_video(images[part]).contiguous(), SIZE) for images in frames)
                distances[part] = self.network(*pair).numpy()
        means: NDArray[np.float64] = distances.reshape(first.shape[:2]).mean(1)
        return means


def load_lpips(path: Path) -> Lpips:
    """LPIPS with the weights of a safetensors file.

    Args:
        path: torchvision's AlexNet (`features.*`) and the authors' linear heads (`lin0.model.1.weight` to `lin4...`)
            in one file.

    Raises:
        UserError: the file does not exist, is broken, or holds other weights.
    """
    loaded = load_pretrained(path, "--lpips", LpipsNetwork)
    return Lpips(loaded.network, loaded.digest)
