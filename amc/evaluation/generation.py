"""Clips made by a generator for real first frames and classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from amc.config import Config
from amc.data.conditions import TestConditions, motion_condition, to_frames, to_video
from amc.data.prepared import TrainingData


def generate_clips(
    generator: nn.Module,
    config: Config,
    data: TrainingData,
    conditions: TestConditions,
    *,
    labels: NDArray[np.int64] | None = None,
    batch: int = 32,
    device: torch.device | None = None,
    between: Callable[[], None] = lambda: None,
) -> NDArray[np.uint8]:
    """Frames x_2 ... x_T for each condition, in evaluation mode: how clips are batched changes nothing.

    Args:
        generator: called as generator(ya, ym, z).
        conditions: which first frames, velocities and noise.
        labels: (n,) classes to show instead of the clips' own (mismatched conditions); velocities are the
            conditions' all the same, so draw those for these classes too.
        batch: clips at once; memory against speed.
        between: called before each batch; what it raises ends the generation.

    Returns:
        (n, T-1, H, W, 3).
    """
    device = device or next(generator.parameters()).device
    clips = data.clips
    shown = clips.label[conditions.clips] if labels is None else labels
    made = []
    with evaluation_mode(generator), torch.no_grad():
        for start in range(0, len(conditions.clips), batch):
            between()
            part = slice(start, start + batch)
            velocity = torch.from_numpy(data.velocity[conditions.velocity_of[part]])
            ym = motion_condition(torch.from_numpy(shown[part]), velocity, config.dataset.classes)
            ya = to_video(clips.frames[conditions.clips[part], 0], device)
            made.append(to_frames(generator(ya, ym.to(device), torch.from_numpy(conditions.noise[part]).to(device))))
    return np.concatenate(made)


@contextmanager
def evaluation_mode(network: nn.Module) -> Iterator[None]:
    """Running statistics instead of the batch's, until the block ends."""
    was = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was)
