"""Weights of published networks' shapes, drawn from a seed: the same on every machine, and never trained ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn


def made_weights(network: nn.Module, seed: int = 0) -> dict[str, Tensor]:
    """A tensor for every parameter and running statistic of `network`, in order of names; counters are left out."""
    rng = np.random.default_rng(seed)
    made = {}
    for name, like in sorted(network.state_dict().items()):
        if name.endswith("num_batches_tracked"):
            continue
        drawn = rng.standard_normal(tuple(like.shape), dtype=np.float32)
        if name.endswith("running_var") or name.startswith("lin"):
            drawn = np.abs(drawn) + np.float32(0.1)
        elif like.dim() > 1:
            drawn *= np.float32((2 / like[0].numel()) ** 0.5)
        else:
            drawn = drawn * np.float32(0.1) + np.float32(name.endswith("bn.weight"))
        made[name] = torch.from_numpy(drawn)
    return made


def written(path: Path, network: nn.Module, seed: int = 0) -> Path:
    """`made_weights` as a safetensors file."""
    save_file(made_weights(network, seed), path)
    return path


def made_video(seed: int, clips: int, frames: int, size: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Noise, (clips, frames, size, size, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (clips, frames, size, size, 3), dtype=np.uint8)
