"""The generator of a run that ended, by itself: what scoring it needs, a small part of what going on would.

A study keeps one of every run that is scored on the test split, so that another score never asks for another training.
"""

from __future__ import annotations

from pathlib import Path

import torch

from amc.config import Config, from_dict
from amc.models.generator import Generator
from amc.training import checkpoint
from amc.training.loop import Run

_NAME = "generator"


def save_generator(path: Path, run: Run) -> None:
    """Writes the network of `run` that is evaluated (its average where there is one), atomically.

    Raises:
        OSError: the disk is full or not writable.
    """
    info = run.data.clips.info
    header = {
        "config": run.config.to_dict(),
        "step": run.step,
        "velocity_scale": run.data.velocity_scale,
        "class_names": list(info.class_names),
        "fingerprint": info.fingerprint,
        "origin": info.origin,
    }
    checkpoint.save(path, checkpoint.network_tensors({_NAME: run.generator}), header)


def load_generator(path: Path, device: torch.device | None = None) -> tuple[Generator, Config]:
    """The generator that `save_generator` wrote, its parameters frozen, and the configuration it was trained with.

    Raises:
        UserError: no such file, or a broken one.
    """
    loaded = checkpoint.load(path)
    config = from_dict(loaded.header["config"])
    generator = Generator(config)
    checkpoint.load_networks({_NAME: generator}, loaded.tensors)
    return generator.to(device or torch.device("cpu")).requires_grad_(False), config
