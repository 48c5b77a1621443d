"""`python -m amc describe`: the parameters of each network and the arithmetic of a training step."""

from __future__ import annotations

import argparse
import json
from typing import Any

from torch import nn

from amc.cli.preset import chosen_preset
from amc.config import DATASETS, Config, configure
from amc.methods import method_of
from amc.models.motion_classifier import MotionClassifier
from amc.training.macs import training_step_macs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `describe`."""
    parser.add_argument("--dataset", choices=tuple(DATASETS), default="natops", help="data set (default: natops)")
    parser.add_argument(
        "--preset", default="auto", metavar="NAME", help="auto, paper, compact or smoke (default: auto)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints the description; returns the exit code."""
    config = configure(args.dataset, chosen_preset(args.preset))
    facts = describe(config)
    print(json.dumps(facts, indent=2) if args.json else _table(facts))
    return 0


def networks(config: Config) -> dict[str, nn.Module]:
    """The networks of a configuration by name, freshly initialised."""
    built = {name: build(config) for name, build in method_of(config).networks.items()}
    return built | {"motion_classifier": MotionClassifier(config.model, config.dataset.classes)}


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
    """Number of trainable values, including biases and batch norm."""
    return sum(p.numel() for p in network.parameters())


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
