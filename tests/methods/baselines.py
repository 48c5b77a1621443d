"""Configurations, batches and checks that tests of the baselines share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from amc.config import Config, TrainingConfig
from amc.data.conditions import Batch, Batches, test_conditions
from amc.evaluation.generation import generate_clips
from amc.methods import method_of, with_method
from amc.methods.protocol import TrainingStep
from amc.training import checkpoint
from amc.training.loop import train
from amc.training.run import Run
from benchmarks.overfitting import generate, overfit
from tests.toy import toy_config, toy_data


def baseline(name: str, **training: int | float) -> Config:
    """A baseline's configuration for `tests.toy.toy_clips`: 16x16 pixels, T = 8."""
    config = with_method(toy_config(), name)
    values = {"batch": 4, "steps": 6, "evaluate_every": 2} | training
    return replace(config, training=TrainingConfig(**values))  # type: ignore[arg-type]


def build(config: Config) -> TrainingStep:
    return method_of(config).build(config, torch.device("cpu"))


def random_batch(config: Config, clips: int = 2, seed: int = 0) -> Batch:
    """Random clips and motions at the configuration's sizes."""
    g = torch.Generator().manual_seed(seed)
    size, frames = config.model.size, config.model.frames
    return Batch(
        clip=torch.rand(clips, frames, 3, size, size, generator=g) * 2 - 1,
        motion=torch.rand(clips, frames - 1, config.q, generator=g) * 2 - 1,
        other_appearance=torch.rand(clips, 3, size, size, generator=g) * 2 - 1,
        other_motion=torch.rand(clips, frames - 1, config.q, generator=g) * 2 - 1,
        noise=torch.randn(clips, config.model.noise, generator=g),
        centres=torch.ones(clips, 1, dtype=torch.long),
        classes=config.dataset.classes,
    )


def check_recursion(config: Config) -> None:
    """Checks that every prediction depends on each frame seen, so on the predictions between."""
    step, batch = build(config), random_batch(config)
    before = generate(config, step, batch)
    for frame in range(method_of(config).frames_seen):
        clip = batch.clip.clone()
        clip[:, frame] = -clip[:, frame]
        after = generate(config, step, replace(batch, clip=clip))
        for t in range(before.shape[1]):
            assert not torch.equal(after[:, t], before[:, t])


def check_no_look_ahead(config: Config) -> None:
    """Checks that what evaluation generates depends on the frames of the data that the method sees, and on no other."""
    method, data = method_of(config), toy_data(config)
    network = build(config).networks[method.predictor]
    conditions = test_conditions(config, data, data.split.test[:2], 0)

    def generated(frame: int | None) -> NDArray[np.uint8]:
        frames = data.clips.frames.copy()
        if frame is not None:
            frames[:, frame] = 255 - frames[:, frame]
        changed = replace(data, clips=replace(data.clips, frames=frames))
        return generate_clips(network, config, changed, conditions)[:, method.frames_seen - 1 :]

    for frame in range(config.model.frames):
        assert np.array_equal(generated(frame), generated(None)) == (frame >= method.frames_seen)


def state(network: nn.Module) -> dict[str, Tensor]:
    """A copy of a network's parameters and buffers."""
    return {name: value.clone() for name, value in network.state_dict().items()}


def parameters(config: Config) -> dict[str, int]:
    """Number of parameters of each network, with none of them in memory."""
    counts = {}
    for name, network in method_of(config).networks.items():
        with torch.device("meta"):
            counts[name] = sum(p.numel() for p in network(config).parameters())
    return counts


def resumed_equals_whole(config: Config, folder: Path) -> bool:
    """Whether training that is cut in two ends, to the bit, with the tensors of training in one piece."""
    data = toy_data(config)

    def run_to(steps: int, where: str) -> Run:
        part = replace(config, training=replace(config.training, steps=steps))
        return train(part, data, directory=folder / where, report=lambda step, metrics: True).run

    half = config.training.steps // 2
    run_to(config.training.steps, "whole")
    run_to(half, "parts")
    run_to(config.training.steps, "parts")
    whole, parts = (checkpoint.load(folder / name / checkpoint.FILE).tensors for name in ("whole", "parts"))
    fresh = checkpoint.network_tensors(build(config).networks)
    assert all(not torch.equal(whole[name], fresh[name]) for name in fresh), "every tensor is trained"
    return whole.keys() == parts.keys() and all(torch.equal(whole[name], parts[name]) for name in whole)


def gain_by_heart(config: Config) -> float:
    """Trains on one batch of four clips; returns the gain in PSNR over repeating the last frame seen, in dB."""
    steps = config.training.steps
    ((_, gain),) = overfit(config, Batches(config, toy_data(config))(0), steps, steps)
    return gain
