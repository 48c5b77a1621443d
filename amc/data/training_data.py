"""A clip file prepared for a configuration: reduced, split, and with scaled velocities."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amc.config import Config
from amc.data.clips import Clips, load_clips
from amc.data.splits import Split, make_split
from amc.errors import UserError


@dataclass(frozen=True)
class TrainingData:
    """Clips with their split and the velocities of their keypoints.

    Attributes:
        velocity: (N, T-1, 2k) float32 in [-1, 1]: steps of the keypoints divided by `velocity_scale` (R14).
        velocity_scale: pixels per frame that become 1; computed from the training split.
    """

    clips: Clips
    split: Split
    velocity: NDArray[np.float32]
    velocity_scale: float

    @property
    def classes(self) -> int:
        """c, the number of classes."""
        return len(self.clips.info.class_names)


def prepare(config: Config, path: Path) -> TrainingData:
    """Loads, reduces and splits a clip file for a configuration.

    Raises:
        UserError: the file is damaged, its clips are too small, or it has other classes or keypoints.
    """
    clips = load_clips(path, size=config.model.size, frames=config.model.frames, rule=config.readings.long_clips)
    found = (len(clips.info.class_names), clips.keypoints.shape[2])
    wanted = (config.dataset.classes, config.dataset.keypoints)
    if found != wanted:
        raise UserError(
            f"{path} has {found[0]} classes and {found[1]} keypoints, but the configuration has {wanted[0]} and "
            f"{wanted[1]}: choose the file that the configuration was made for"
        )
    return split_clips(config, clips)


def split_clips(config: Config, clips: Clips) -> TrainingData:
    """Splits loaded clips, and scales their velocities by the training split.

    Raises:
        UserError: the split rule does not fit the clips.
    """
    split = make_split(
        clips.label,
        clips.subject,
        clips.source_clip,
        rule=config.split.rule,
        seed=config.split.seed,
        dataset=config.dataset.name,
        validation_share=config.split.validation_share,
        folds=config.split.folds,
        fold=config.split.fold,
    )
    raw = velocities(clips.keypoints, clips.keypoints_valid)
    scale = velocity_scale(raw[split.train], config.readings.velocity_quantile)
    return TrainingData(clips, split, np.clip(raw / scale, -1, 1).astype(np.float32), scale)


def velocities(keypoints: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Steps of the keypoints between frames, in pixels per frame; 0 where either end is not valid.

    Args:
        keypoints: (N, T, k, 2), x and y in pixels.
        valid: (N, T, k).

    Returns:
        (N, T-1, 2k): x and y of keypoint 1, then of keypoint 2, ...
    """
    steps = np.diff(keypoints, axis=1) * (valid[:, 1:] & valid[:, :-1])[..., None]
    result: NDArray[np.float32] = steps.reshape(*steps.shape[:2], -1).astype(np.float32)
    return result


def velocity_scale(training: NDArray[np.float32], quantile: float) -> float:
    """The quantile of |velocity| over all nonzero coordinates of training clips (R14); 1 if nothing moves."""
    moving = np.abs(training[training != 0])
    return float(np.quantile(moving, quantile)) if moving.size else 1.0
