"""`python -m amc describe`: the parameters of each network and what a training step costs."""

from __future__ import annotations

import argparse
import json
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from amc.cli.preset import chosen_preset
from amc.config import DATASETS, Config, configure
from amc.data.conditions import Batch, centre_count
from amc.methods.amc_gan.step import AMCStep
from amc.models.appearance_discriminator import AppearanceDiscriminator
from amc.models.generator import Generator
from amc.models.motion_classifier import MotionClassifier
from amc.models.motion_discriminator import MotionDiscriminator


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `describe`."""
    parser.add_argument("--dataset", choices=tuple(DATASETS), default="natops")
    parser.add_argument("--preset", default="auto", help="auto, paper, compact or smoke")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints the description and returns the exit code."""
    config = configure(args.dataset, chosen_preset(args.preset))
    facts = describe(config)
    print(json.dumps(facts, indent=2) if args.json else _table(facts))
    return 0


def networks(config: Config) -> dict[str, nn.Module]:
    """The networks of a configuration by their names in the description, freshly initialised."""
    return {
        "generator": Generator(config),
        "appearance_discriminator": AppearanceDiscriminator(config),
        "motion_discriminator": MotionDiscriminator(config),
        "motion_classifier": MotionClassifier(config.model, config.dataset.classes),
    }


def describe(config: Config) -> dict[str, Any]:
    """Sizes, the parameters of each network, and `macs`: multiply-accumulates of a training step on a whole batch."""
    return {
        "dataset": config.dataset.name,
        "preset": config.preset,
        "size": config.model.size,
        "frames": config.model.frames,
        "classes": config.dataset.classes,
        "keypoints": config.dataset.keypoints,
        "motion_condition": config.q,
        "noise": config.model.noise,
        "batch": config.training.batch,
        "parameters": {name: parameters(network) for name, network in networks(config).items()},
        "macs": training_step_macs(config),
    }


def parameters(network: nn.Module) -> int:
    """Number of trainable values, biases and batch norm's included."""
    return sum(p.numel() for p in network.parameters())


def training_step_macs(config: Config) -> int:
    """Multiply-accumulates of one training step (Algorithm 1) on a whole batch, forward and backward.

    Those of every matrix product and convolution are counted while the step runs on tensors without values, so the
    count is of the code that trains and costs no arithmetic. Elementwise work is not in it.
    """
    nowhere = torch.device("meta")
    step = AMCStep(config, nowhere)
    # The fused optimiser refuses such tensors; it holds no product that would be counted.
    step.optimizers = {
        name: torch.optim.SGD(optimizer.param_groups[0]["params"]) for name, optimizer in step.optimizers.items()
    }
    b, size, steps = config.training.batch, config.model.size, config.model.frames - 1
    batch = Batch(
        clip=torch.empty(b, steps + 1, 3, size, size, device=nowhere),
        motion=torch.empty(b, steps, config.q, device=nowhere),
        other_appearance=torch.empty(b, 3, size, size, device=nowhere),
        other_motion=torch.empty(b, steps, config.q, device=nowhere),
        noise=torch.empty(b, config.model.noise, device=nowhere),
        centres=torch.empty(b, centre_count(config), dtype=torch.long, device=nowhere),
        classes=config.dataset.classes,
    )
    counter = FlopCounterMode(display=False)
    with counter:
        step(batch, 0)
    return int(counter.get_total_flops()) // 2


def _table(facts: dict[str, Any]) -> str:
    lines = [
        f"{facts['dataset']}, preset {facts['preset']}: {facts['size']} x {facts['size']} pixels, "
        f"T = {facts['frames']} frames, c = {facts['classes']} classes, k = {facts['keypoints']} keypoints, "
        f"q = {facts['motion_condition']}, p = {facts['noise']}",
        "",
        f"{'network':<26}{'parameters':>14}",
    ]
    lines += [f"{name.replace('_', ' '):<26}{count:>14,}" for name, count in facts["parameters"].items()]
    lines += ["", f"a training step on {facts['batch']} clips: {facts['macs'] / 1e9:,.2f} billion multiply-accumulates"]
    return "\n".join(lines)
