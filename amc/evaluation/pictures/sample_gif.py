"""A small GIF of a run for the report: clips side by side, without text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from amc.atomic import atomic_write
from amc.config import Config
from amc.data.conditions import test_conditions
from amc.data.training_data import TrainingData
from amc.evaluation.generation import TEST_SEED, generate_clips
from amc.evaluation.pictures.strip import PAPER

NAME = "row.gif"
MOST_CLASSES = 6
SHOWN = 96  # pixels: frames are enlarged by the largest whole factor that stays within this height
GAP = 2  # pixels between clips
HUNDREDTHS = 10  # of a second per frame
COLOURS = 128


def write_sample_gif(
    generator: nn.Module, config: Config, data: TrainingData, folder: Path, *, device: torch.device | None = None
) -> None:
    """Writes `row.gif` into `folder`: frames 2 to T as they are scored, of the same clips for every run.

    Raises:
        OSError: it cannot be written.
    """
    conditions = test_conditions(config, data, sample_clips(data), TEST_SEED)
    made = generate_clips(generator, config, data, conditions, device=device)
    folder.mkdir(parents=True, exist_ok=True)
    write_gif(made, folder / NAME)


def write_real_gif(data: TrainingData, folder: Path) -> None:
    """Writes `row.gif` of the real clips into `folder`.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_gif(data.clips.frames[sample_clips(data), 1:], folder / NAME)


def sample_clips(data: TrainingData) -> NDArray[np.int64]:
    """The first test clip of each of the first `MOST_CLASSES` classes."""
    test, label = data.split.test, data.clips.label
    classes = np.unique(label[test])[:MOST_CLASSES]
    return np.array([test[label[test] == c][0] for c in classes], np.int64)


def write_gif(frames: NDArray[np.uint8], path: Path) -> None:
    """Writes a looping GIF of videos (n, t, H, W, 3) side by side, enlarged by a whole factor without smoothing.

    Raises:
        OSError: it cannot be written; an existing file at `path` is kept.
    """
    n, t, height, width, _ = frames.shape
    factor = max(1, SHOWN // height)
    step = width * factor + GAP
    pages = np.full((t, height * factor, n * step - GAP, 3), PAPER, np.uint8)
    for place, clip in enumerate(frames):
        large = clip.repeat(factor, axis=1).repeat(factor, axis=2)
        pages[:, :, place * step : place * step + width * factor] = large
    # One palette for all frames: with one palette per frame, still parts flicker.
    small = pages[:, ::factor, ::factor]
    palette = Image.fromarray(small.reshape(-1, *small.shape[2:])).quantize(COLOURS, dither=Image.Dither.NONE)
    drawn = [Image.fromarray(page).quantize(palette=palette, dither=Image.Dither.NONE) for page in pages]
    with atomic_write(path) as partial:
        drawn[0].save(
            partial, "GIF", save_all=True, append_images=drawn[1:], duration=10 * HUNDREDTHS, loop=0, optimize=True
        )
