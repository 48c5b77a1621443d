"""Sample pictures of a run: clips generated from first frames of the validation split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from amc.config import Config
from amc.data.conditions import test_conditions
from amc.data.training_data import TrainingData
from amc.evaluation.generation import generate_clips
from amc.evaluation.pictures.figure import figure
from amc.evaluation.pictures.mismatched import matched_and_mismatched
from amc.evaluation.pictures.strip import gif, strip


def write_samples(
    generator: nn.Module,
    config: Config,
    data: TrainingData,
    directory: Path,
    *,
    count: int = 6,
    mismatched: int = 3,
    seed: int = 0,
    device: torch.device | None = None,
) -> None:
    """Writes `strip.png`, `clips.gif` and `figure3.png` for validation clips of different classes.

    The clips are the first of each class in the validation split, so two runs show the same ones.

    Args:
        count: number of classes in the strip and the GIF, which show each generated clip below the real one.
        mismatched: number of these clips in the figure, under matched and mismatched conditions (Figure 3).
        seed: of the noise and the velocities.
    """
    validation, label = data.split.validation, data.clips.label
    classes = np.unique(label[validation])[:count]
    chosen = np.array([validation[label[validation] == c][0] for c in classes], dtype=np.int64)
    conditions = test_conditions(config, data, chosen, seed)
    made = generate_clips(generator, config, data, conditions, device=device)
    rows = []
    for clip, frames in zip(chosen, made, strict=True):
        name = data.clips.info.class_names[int(label[clip])]
        real = data.clips.frames[clip]
        rows += [(f"{name}: real", real), (f"{name}: generated", np.concatenate([real[:1], frames]))]
    groups = matched_and_mismatched(generator, config, data, chosen[:mismatched], seed, device=device)
    directory.mkdir(parents=True, exist_ok=True)
    strip(rows, directory / "strip.png")
    gif(rows, directory / "clips.gif")
    figure(groups, directory / "figure3.png")
