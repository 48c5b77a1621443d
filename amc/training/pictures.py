"""Sample pictures of a run: what the generator makes of validation clips' first frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from amc.config import Config
from amc.data.conditions import test_conditions
from amc.data.prepared import TrainingData
from amc.evaluation.generation import generate_clips
from amc.evaluation.pictures import gif, strip


def write_samples(
    generator: nn.Module,
    config: Config,
    data: TrainingData,
    directory: Path,
    *,
    count: int = 6,
    seed: int = 0,
    device: torch.device | None = None,
) -> None:
    """Writes `strip.png` and `clips.gif`: generated clips of up to `count` classes, each under its real one.

    The clips are the first of each class in the validation split, so two runs show the same ones.
    """
    validation, label = data.split.validation, data.clips.label
    chosen = [int(validation[label[validation] == c][0]) for c in np.unique(label[validation])[:count]]
    conditions = test_conditions(config, data, np.array(chosen, dtype=np.int64), seed)
    made = generate_clips(generator, config, data, conditions, device=device)
    rows = []
    for clip, frames in zip(chosen, made, strict=True):
        name = data.clips.info.class_names[int(label[clip])]
        real = data.clips.frames[clip]
        rows += [(f"{name}: real", real), (f"{name}: generated", np.concatenate([real[:1], frames]))]
    directory.mkdir(parents=True, exist_ok=True)
    strip(rows, directory / "strip.png")
    gif(rows, directory / "clips.gif")
