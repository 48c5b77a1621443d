"""The protocol of a method: what the training loop, checkpoints, generation, scoring and `describe` know of it.

How two methods of the paper's comparison fit: CDNA has one network and one optimiser, rolls its own predictions out
inside the network's forward pass, and has no adversary; MCnet has two players and skips the update of one of them
depending on the last losses, which it keeps as buffers of a network, because a checkpoint holds nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from amc.config import Config, MethodSettings
from amc.data.conditions import Batch
from amc.machine.capabilities import Machine

Losses = dict[str, Tensor]
"""Loss terms and scores of one training step by metric name, scalars on the device."""


class TrainingStep(Protocol):
    """Networks and optimisers of a run, and the step that trains them.

    A step depends on the batch, the step number and these tensors alone, so that a resumed run is the same to the bit.

    Attributes:
        networks: every trained network by name; a checkpoint holds their parameters and buffers.
        optimizers: by name; a checkpoint holds their state.
        machine: how the device is used.
    """

    networks: dict[str, nn.Module]
    optimizers: dict[str, torch.optim.Optimizer]
    machine: Machine

    def __call__(self, batch: Batch, step: int) -> Losses:
        """Updates the networks on one batch; `step` counts from 0. Returns all losses, unweighted."""
        ...


def _fits_all(config: Config) -> None:
    """The check of a method that fits any configuration."""


@dataclass(frozen=True)
class Method:
    """A method that can be trained, as an entry of the registry.

    Attributes:
        name: in tables and files: lower-case letters, digits and underscores. In `amc.methods.BUILT_IN` and in entry
            points it is also the name for `--method`.
        title: as printed in tables.
        networks: by name, how each trained network is built; `describe` counts their parameters.
        predictor: name of the network that generates clips; its moving average is evaluated if the run has one.
        frames_seen: number s of real frames that the predictor is given, from 1 to `config.model.discarded_frames`:
            the frames that are scored are the same for every method, and no method sees one of them.
        build: networks, optimisers and step for a configuration on a device.
        generate: called as `generate(predictor, seen, motion, noise)` with seen (B, s, 3, H, W) in [-1, 1], motion
            (B, T-1, q) and noise (B, p); returns frames s+1 to T, (B, T-s, 3, H, W) in [-1, 1].
        settings: class of the method's own hyperparameters, `Config.method`, called with the name; all its other fields
            have defaults.
        presets: by preset, settings that differ from AMC-GAN's at this preset or from the defaults of `settings`, by
            dotted name, such as `{"compact": {"training.steps": 600, "method.learning_rate": 1e-4}}`.
        search_space: the parameters of the default search space by dotted name, each with the keys that it would have
            in a space file (`tuning.search.space_file`), such as
            `{"method.learning_rate": {"kind": "log", "factor": 5}}`.
        check: raises a `UserError` for a configuration that the method cannot be trained with.
        needs_keypoints: whether the motion condition ym is an input, so that clips without keypoints are refused; False
            for a method that sees frames alone.
    """

    name: str
    title: str
    networks: Mapping[str, Callable[[Config], nn.Module]]
    predictor: str
    frames_seen: int
    build: Callable[[Config, torch.device], TrainingStep]
    generate: Callable[[nn.Module, Tensor, Tensor, Tensor], Tensor]
    settings: type[MethodSettings] = MethodSettings
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    search_space: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    check: Callable[[Config], None] = _fits_all
    needs_keypoints: bool = True
