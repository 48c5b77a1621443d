"""The training loop: steps, looks at the validation split, reports, checkpoints. One loop for every method."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from amc import config as configuration
from amc.config import Config
from amc.data.conditions import Batches, test_conditions
from amc.data.prepared import TrainingData
from amc.errors import UserError
from amc.evaluation.generation import generate_clips
from amc.evaluation.judges.motion_classifier import TrainedClassifier, predict
from amc.evaluation.pictures.samples import write_samples
from amc.methods.amc_gan.step import AMCStep
from amc.training import checkpoint
from amc.training.ema import WeightAverage
from amc.training.machine import keep_memory

Report = Callable[[int, Mapping[str, float]], bool]
Curve = list[tuple[int, dict[str, float]]]

VALIDATION_SEED = 0  # of velocities and noise drawn for validation clips: the same for every run, so that runs compare
_CHECK_EVERY = 20  # steps between two checks that losses are finite
_METER = "meter"  # its tensors in a checkpoint


class Diverged(FloatingPointError):
    """A loss is no longer finite."""


class _Paused(Exception):
    """Whoever runs this training wants it to stop for now."""


@dataclass(frozen=True)
class Result:
    """How a run ended.

    Attributes:
        steps: training steps taken.
        value: validation accuracy at the last look, a fraction.
        curve: (step, metrics) of every look.
        stopped: the receiver of the reports asked to stop early.
        paused: it was asked to stop for now, and goes on from its checkpoint.
        seconds: training and evaluation, over all sittings.
    """

    steps: int
    value: float
    curve: Curve
    stopped: bool
    paused: bool
    seconds: float


class Run:
    """One run in memory: networks, their average, and how far it got."""

    def __init__(self, config: Config, data: TrainingData, device: torch.device | None = None) -> None:
        self.config, self.data = config, data
        self.device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.method = AMCStep(config, self.device)
        decay = config.training.average
        self.average = WeightAverage(self.method.generator, decay) if decay > 0 else None
        self.step = 0
        self.curve: Curve = []
        self.seconds = 0.0
        self.meter = Meter()

    @property
    def generator(self) -> nn.Module:
        """The network that is evaluated: the average where there is one."""
        return self.average.network if self.average else self.method.generator

    def save(self, path: Path) -> None:
        """Writes a checkpoint of this moment."""
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
            "machine": self.method.machine.facts(),
        }
        tensors = checkpoint.network_tensors(self._networks()) | checkpoint.optimizer_tensors(self.method.optimizers)
        checkpoint.save(path, tensors | self.meter.tensors(), header)

    def load(self, path: Path) -> None:
        """Goes back to a checkpoint.

        Raises:
            UserError: it is broken, or of another configuration or data set.
        """
        loaded = checkpoint.load(path)
        self._check_same(loaded.header, path)
        checkpoint.load_networks(self._networks(), loaded.tensors)
        checkpoint.load_optimizers(self.method.optimizers, loaded.tensors)
        self.step = int(loaded.header["step"])
        self.seconds = float(loaded.header["seconds"])
        self.curve = [(int(step), dict(metrics)) for step, metrics in loaded.header["curve"]]
        self.meter = Meter.loaded(loaded.tensors, loaded.header.get("meter", {}), self.device)

    def _networks(self) -> dict[str, nn.Module]:
        return self.method.networks | ({"average": self.average.network} if self.average else {})

    def _check_same(self, header: Mapping[str, Any], path: Path) -> None:
        if header["fingerprint"] != self.data.clips.info.fingerprint:
            raise UserError(f"{path} was trained on other clips: give the same data, or another --out")
        # A longer budget may go on from a shorter one; nothing else may differ.
        mine, theirs = self.config.flat(), configuration.from_dict(header["config"]).flat()
        changed = [name for name in mine if mine[name] != theirs.get(name) and name != "training.steps"]
        if changed:
            shown = ", ".join(f"{name} {theirs.get(name)!r} -> {mine[name]!r}" for name in changed)
            raise UserError(f"{path} was trained with another configuration ({shown}): give another --out")


Measure = Callable[[Run, Callable[[], None]], Mapping[str, float]]


def train(
    config: Config,
    data: TrainingData,
    classifier: TrainedClassifier,
    *,
    directory: Path,
    report: Report,
    measures: Sequence[Measure] = (),
    pausing: Callable[[], bool] = lambda: False,
    sample_pictures: bool = True,
    samples: Path | None = None,
    device: torch.device | None = None,
) -> Result:
    """Trains to the budget of `config`, going on from the checkpoint in `directory` where there is one.

    Args:
        directory: takes `checkpoint.safetensors` at every look.
        report: called at every look with (step, metrics); False means stop. After a resume all earlier looks are
            reported again first, so a receiver keyed by step misses none and counts none twice.
        measures: what else is measured at every look; `between` is to be called before each batch of clips.
        pausing: asked before every step and between the batches of a look; True means: save and end for now. A run
            that goes on from there is the run that was never paused, to the bit.
        sample_pictures: write a strip and a GIF of generated validation clips at the end.
        samples: where; None is `directory`/samples.

    Raises:
        Diverged: a loss is no longer finite.
        UserError: the checkpoint is of another configuration or data set.
        OSError: the checkpoint can't be written.
    """
    keep_memory()
    run = Run(config, data, device)
    path = directory / checkpoint.FILE
    if path.exists():
        run.load(path)
    go_on = True
    for step, metrics in run.curve:
        go_on = report(step, metrics) and go_on
    batches = Batches(config, data, run.device)
    paused = False
    while go_on:
        try:
            if pausing():
                raise _Paused
            if _look_is_due(run):
                _look(run, classifier, measures, pausing)
                # The checkpoint carries its own report: killed in between, the report is made after the resume.
                run.save(path)
                go_on = report(*run.curve[-1])
            elif run.step < config.training.steps:
                _step(run, batches)
            else:
                break
        except _Paused:
            run.save(path)
            paused = True
            break
    if sample_pictures and run.step and not paused:
        write_samples(run.generator, config, data, samples or directory / "samples", device=run.device)
    value = run.curve[-1][1]["val/accuracy"] if run.curve else math.nan
    stopped = run.step < config.training.steps and not paused
    return Result(run.step, value, run.curve, stopped=stopped, paused=paused, seconds=run.seconds)


def _look_is_due(run: Run) -> bool:
    training = run.config.training
    if run.step == 0 or (run.curve and run.curve[-1][0] == run.step):
        return False
    return run.step % training.evaluate_every == 0 or run.step == training.steps


def _look(
    run: Run,
    classifier: TrainedClassifier,
    measures: Sequence[Measure],
    pausing: Callable[[], bool],
) -> None:
    """Adds the metrics of this step to the run's curve."""

    def between() -> None:
        if pausing():
            raise _Paused

    metrics = run.meter.means(run.step)
    began = time.perf_counter()
    metrics |= validate(run, classifier, between)
    for measure in measures:
        metrics |= measure(run, between)
    metrics["time/evaluation_seconds"] = time.perf_counter() - began
    run.seconds += run.meter.seconds + metrics["time/evaluation_seconds"]
    metrics["time/seconds"] = run.seconds
    run.meter = Meter()
    run.curve.append((run.step, metrics))


def _step(run: Run, batches: Batches) -> None:
    began = time.perf_counter()
    batch = batches(run.step)
    run.meter.data_seconds += time.perf_counter() - began
    losses = run.method(batch, run.step)
    if run.average:
        run.average.update(run.method.generator, run.step)
    run.step += 1
    run.meter.add(losses)
    if run.step % _CHECK_EVERY == 0:
        run.meter.check(run.step)
    run.meter.seconds += time.perf_counter() - began


def validate(run: Run, classifier: TrainedClassifier, between: Callable[[], None] = lambda: None) -> dict[str, float]:
    """Accuracy of the motion classifier on clips generated for the validation split (section 4.1).

    Args:
        between: called before each batch; what it raises ends the look.
    """
    clips = run.data.split.validation
    right = hits(run.generator, run.config, run.data, classifier, clips, VALIDATION_SEED, between)
    return {"val/accuracy": float(right.mean())}


def hits(
    generator: nn.Module,
    config: Config,
    data: TrainingData,
    classifier: TrainedClassifier,
    clips: NDArray[np.int64],
    seed: int,
    between: Callable[[], None] = lambda: None,
) -> NDArray[np.bool_]:
    """For each clip, whether the classifier sees the class that was asked for in what was generated: (n,)."""
    conditions = test_conditions(config, data, clips, seed)
    made = generate_clips(generator, config, data, conditions, between=between)
    logits = predict(classifier.network, made, config.model.frames)
    result: NDArray[np.bool_] = logits.argmax(1) == data.clips.label[clips]
    return result


class Meter:
    """Means of losses between two looks, kept on the device; part of a checkpoint, since a run may stop in between."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.count = 0
        self.seconds = 0.0
        self.data_seconds = 0.0

    @staticmethod
    def loaded(tensors: Mapping[str, Tensor], header: Mapping[str, Any], device: torch.device) -> Meter:
        """The meter of a checkpoint; an empty one where it has none."""
        meter = Meter()
        prefix = f"{_METER}."
        meter.sums = {
            name.removeprefix(prefix): tensor.to(device) for name, tensor in tensors.items() if name.startswith(prefix)
        }
        meter.count = int(header.get("count", 0))
        meter.seconds, meter.data_seconds = float(header.get("seconds", 0)), float(header.get("data_seconds", 0))
        return meter

    def tensors(self) -> dict[str, Tensor]:
        """The sums, for a checkpoint."""
        return {f"{_METER}.{name}": value for name, value in self.sums.items()}

    def header(self) -> dict[str, float]:
        """The rest, for a checkpoint's header."""
        return {"count": self.count, "seconds": self.seconds, "data_seconds": self.data_seconds}

    def add(self, losses: Mapping[str, Tensor]) -> None:
        """Takes the losses of one step."""
        self.count += 1
        for name, value in losses.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value

    def check(self, step: int) -> None:
        """Raises `Diverged` where a loss is no longer finite."""
        bad = [name for name, value in self.sums.items() if not math.isfinite(float(value))]
        if bad:
            raise Diverged(f"{', '.join(sorted(bad))} not finite by step {step}")

    def means(self, step: int) -> dict[str, float]:
        """The means, and the seconds a step and a batch took."""
        self.check(step)
        means = {name: float(value) / self.count for name, value in self.sums.items()}
        return means | {
            "time/step_seconds": self.seconds / self.count,
            "time/data_seconds": self.data_seconds / self.count,
        }
