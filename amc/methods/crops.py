"""Random parts of training clips, for methods that train on less than whole clips."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_STREAM = 4  # of random numbers; `amc.data.conditions` uses 1 to 3


def random_crops(clip: Tensor, frames: int, size: int, seed: int, step: int) -> Tensor:
    """Consecutive frames and a square patch of each clip, at places that depend on the seed and the step alone.

    Args:
        clip: (B, T, 3, H, W).
        frames: number of frames to keep, at most T.
        size: height and width of the patches, at most H.

    Returns:
        (B, frames, 3, size, size).
    """
    b, t, _, extent, _ = clip.shape
    rng = np.random.default_rng([seed, _STREAM, step])
    first = rng.integers(t - frames + 1, size=b)
    corner = rng.integers(extent - size + 1, size=(b, 2))
    places = zip(clip, first, corner, strict=True)
    return torch.stack([each[f : f + frames, :, y : y + size, x : x + size] for each, f, (y, x) in places])
