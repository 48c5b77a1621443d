"""The generator of a finished run in a file of its own: all that scoring needs, much smaller than a checkpoint.

A study keeps one for every run that is scored on the test split, so that scoring again never needs training again.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from amc.config import Config
from amc.methods import load_config, method_of
from amc.training import checkpoint
from amc.training.run import Run

_NAME = "generator"


def save_generator(path: Path, run: Run) -> None:
    """Writes the network that `run` generates clips with (the moving average if it has one), atomically.

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


def load_generator(path: Path, device: torch.device | None = None) -> tuple[nn.Module, Config]:
    """The network that `save_generator` wrote, its parameters frozen, and the configuration it was trained with.

    Raises:
        UserError: the file does not exist or is broken.
    """
    loaded = checkpoint.load(path)
    config = load_config(loaded.header["config"])
    method = method_of(config)
    generator = method.networks[method.predictor](config)
    checkpoint.load_networks({_NAME: generator}, loaded.tensors)
    return generator.to(device or torch.device("cpu")).requires_grad_(False), config
