"""Generating clips from real first frames and motion conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from amc.config import Config
from amc.data.conditions import TestConditions, motion_condition, to_frames, to_video
from amc.data.training_data import TrainingData
from amc.errors import UserError
from amc.methods import method_of

# Seeds of the velocities and noise drawn for each split: the same for every run, so that runs can be compared.
VALIDATION_SEED, TEST_SEED = 0, 1


def generate_clips(
    generator: nn.Module,
    config: Config,
    data: TrainingData,
    conditions: TestConditions,
    *,
    labels: NDArray[np.int64] | None = None,
    batch: int = 32,
    device: torch.device | None = None,
    check_pause: Callable[[], None] = lambda: None,
) -> NDArray[np.uint8]:
    """Generates frames x_2 ... x_T for each condition, in evaluation mode: the batch size changes nothing.

    A method that sees s > 1 real frames gets the real frames 1 to s, and the real frames 2 to s are returned as they
    are.

    Args:
        generator: the predictor of the method that `config` names.
        conditions: the first frames, velocities and noise.
        labels: (n,) classes to show instead of the clips' own (mismatched conditions); the velocities are still those
            of `conditions`, so draw them for these classes.
        batch: clips per forward pass.
        check_pause: called before each batch; an exception that it raises ends the generation.

    Returns:
        (n, T-1, H, W, 3).

    Raises:
        UserError: the method sees more frames than the clips have, such as those made of a single picture.
    """
    device = device or next(generator.parameters()).device
    method, clips = method_of(config), data.clips
    seen = method.frames_seen
    if clips.frames.shape[1] < seen:
        raise UserError(f"{method.title} sees {seen} frames of a clip: give a clip, not a single picture")
    shown = clips.label[conditions.clips] if labels is None else labels
    videos = []
    with evaluation_mode(generator), torch.no_grad():
        for start in range(0, len(conditions.clips), batch):
            check_pause()
            part = slice(start, start + batch)
            velocity = torch.from_numpy(data.velocity[conditions.velocity_of[part]])
            motion = motion_condition(torch.from_numpy(shown[part]), velocity, config.dataset.classes).to(device)
            real = clips.frames[conditions.clips[part], :seen]
            noise = torch.from_numpy(conditions.noise[part]).to(device)
            frames = to_frames(method.generate(generator, to_video(real, device), motion, noise))
            videos.append(np.concatenate([real[:, 1:], frames], axis=1))
    return np.concatenate(videos)


@contextmanager
def evaluation_mode(network: nn.Module) -> Iterator[None]:
    """Puts the network in evaluation mode (running batch-norm statistics) inside the block."""
    was_training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was_training)
