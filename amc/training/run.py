"""A training run in memory: networks, optimisers, the moving average of weights, progress, checkpoints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from amc.config import Config
from amc.data.training_data import TrainingData
from amc.errors import UserError
from amc.methods import load_config, method_of
from amc.training import checkpoint
from amc.training.ema import WeightEMA
from amc.training.learning_rate import LearningRateDecay

Curve = list[tuple[int, dict[str, float]]]
"""(step, metrics) of every evaluation, in order."""

_METER = "meter"  # prefix of its tensors in a checkpoint


class Diverged(FloatingPointError):
    """A loss is not finite."""


class LossMeter:
    """Means of losses since the last evaluation, summed on the device. A checkpoint holds it: runs pause in between."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.count = 0
        self.seconds = 0.0
        self.data_seconds = 0.0

    @staticmethod
    def loaded(tensors: Mapping[str, Tensor], header: Mapping[str, Any], device: torch.device) -> LossMeter:
        """The meter of a checkpoint."""
        meter = LossMeter()
        prefix = f"{_METER}."
        meter.sums = {
            name.removeprefix(prefix): tensor.to(device) for name, tensor in tensors.items() if name.startswith(prefix)
        }
        meter.count = int(header["count"])
        meter.seconds, meter.data_seconds = float(header["seconds"]), float(header["data_seconds"])
        return meter

    def tensors(self) -> dict[str, Tensor]:
        """The sums, for a checkpoint."""
        return {f"{_METER}.{name}": value for name, value in self.sums.items()}

    def header(self) -> dict[str, float]:
        """Everything but the sums, for a checkpoint's header."""
        return {"count": self.count, "seconds": self.seconds, "data_seconds": self.data_seconds}

    def add(self, losses: Mapping[str, Tensor]) -> None:
        """Adds the losses of one step."""
        self.count += 1
        for name, value in losses.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value

    def check_finite(self, step: int) -> None:
        """Raises `Diverged` if a loss is not finite."""
        bad = [name for name, value in self.sums.items() if not math.isfinite(float(value))]
        if bad:
            raise Diverged(f"{', '.join(sorted(bad))} not finite by step {step}")

    def means(self, step: int) -> dict[str, float]:
        """The mean losses, and the mean seconds of a step and of making a batch."""
        self.check_finite(step)
        means = {name: float(value) / self.count for name, value in self.sums.items()}
        return means | {
            "time/step_seconds": self.seconds / self.count,
            "time/data_seconds": self.data_seconds / self.count,
        }


class Run:
    """One training run.

    Attributes:
        config, data, device: what is trained, on which clips, where.
        method: the entry of the registry that `config.method` names.
        training_step: its networks, optimisers and step.
        ema: moving average of the predictor's weights; None without `training.average`.
        step: training steps done.
        curve: metrics of every evaluation.
        seconds: training and evaluation, over all sessions of the run.
    """

    def __init__(self, config: Config, data: TrainingData, device: torch.device | None = None) -> None:
        self.config, self.data = config, data
        self.device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.method = method_of(config)
        self.training_step = self.method.build(config, self.device)
        self._decay = LearningRateDecay(config, self.training_step.optimizers)
        decay = config.training.average
        self.ema = WeightEMA(self._trained_predictor, decay) if decay > 0 else None
        self.step = 0
        self.curve: Curve = []
        self.seconds = 0.0
        self.meter = LossMeter()

    @property
    def _trained_predictor(self) -> nn.Module:
        return self.training_step.networks[self.method.predictor]

    @property
    def generator(self) -> nn.Module:
        """The network that generates clips in evaluation: the moving average if there is one."""
        return self.ema.network if self.ema else self._trained_predictor

    def set_learning_rates(self) -> None:
        """Sets the learning rates of the next training step."""
        self._decay.set(self.step)

    def update_ema(self) -> None:
        """Updates the moving average, if there is one, after a training step."""
        if self.ema:
            self.ema.update(self._trained_predictor, self.step)

    def save(self, path: Path) -> None:
        """Writes a checkpoint.

        Raises:
            OSError: the disk is full or not writable.
        """
        header = {
            "config": self.config.to_dict(),
            "step": self.step,
            "curve": self.curve,
            "seconds": self.seconds,
            "meter": self.meter.header(),
            "velocity_scale": self.data.velocity_scale,
            "class_names": list(self.data.clips.info.class_names),
            "fingerprint": self.data.clips.info.fingerprint,
            "origin": self.data.clips.info.origin,
            "machine": self.training_step.machine.facts(),
        }
        optimizers = checkpoint.optimizer_tensors(self.training_step.optimizers)
        tensors = checkpoint.network_tensors(self._networks()) | optimizers
        checkpoint.save(path, tensors | self.meter.tensors(), header)

    def load(self, path: Path) -> None:
        """Restores a checkpoint.

        Raises:
            UserError: the checkpoint is broken, or of another configuration or data set.
        """
        loaded = checkpoint.load(path)
        self._check_same(loaded.header, path)
        checkpoint.load_networks(self._networks(), loaded.tensors)
        checkpoint.load_optimizers(self.training_step.optimizers, loaded.tensors)
        self.step = int(loaded.header["step"])
        self.seconds = float(loaded.header["seconds"])
        self.curve = [(int(step), dict(metrics)) for step, metrics in loaded.header["curve"]]
        self.meter = LossMeter.loaded(loaded.tensors, loaded.header["meter"], self.device)

    def _networks(self) -> dict[str, nn.Module]:
        return self.training_step.networks | ({checkpoint.EMA: self.ema.network} if self.ema else {})

    def _check_same(self, header: Mapping[str, Any], path: Path) -> None:
        if header["fingerprint"] != self.data.clips.info.fingerprint:
            raise UserError(f"{path} was trained on other clips: give the same data, or another --out")
        # A run may be extended to a larger budget, unless its learning rates followed from the budget; nothing else may
        # differ.
        mine, theirs = self.config.flat(), load_config(header["config"]).flat()
        extendable = {"training.steps"} if self.config.optimizer.decay_share == 0 else set()
        changed = [name for name in mine if mine[name] != theirs.get(name) and name not in extendable]
        if changed:
            shown = ", ".join(f"{name} {theirs.get(name)!r} -> {mine[name]!r}" for name in changed)
            raise UserError(f"{path} was trained with another configuration ({shown}): give another --out")
