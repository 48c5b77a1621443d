"""`python -m amc describe`: the parameters of each network and the arithmetic of a training step."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from amc.cli.method_option import add_method_option
from amc.cli.preset import chosen_preset
from amc.config import AMC_GAN, DATASETS, Config, configure
from amc.methods import BUILT_IN, method_of, with_method
from amc.models.keypoint_classifier import KeypointClassifier
from amc.models.motion_classifier import MotionClassifier
from amc.training.macs import training_step_macs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `describe`."""
    parser.add_argument("--dataset", choices=tuple(DATASETS), default="natops", help="data set (default: natops)")
    parser.add_argument(
        "--preset", default="auto", metavar="NAME", help="auto, paper, compact or smoke (default: auto)"
    )
    add_method_option(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints the description; returns the exit code."""
    config = with_method(configure(args.dataset, chosen_preset(args.preset)), args.method)
    facts = describe(config)
    print(json.dumps(facts, indent=2) if args.json else _table(facts))
    return 0


def networks(config: Config) -> dict[str, nn.Module]:
    """The networks of a configuration by name, freshly initialised."""
    built = {name: build(config) for name, build in method_of(config).networks.items()}
    return built | {
        "motion_classifier": MotionClassifier(config.model, config.dataset.classes),
        "keypoint_classifier": KeypointClassifier(config.model, config.dataset.classes),
    }


def describe(config: Config) -> dict[str, Any]:
    """Sizes, the parameters of each network, and `macs`: multiply-accumulates of a training step on a whole batch.

    A description of AMC-GAN also has the parameters of the other methods of this package, by the method's name: a
    number, or one for each network if there are several.
    """
    with torch.device("meta"):  # to be counted, networks need no values
        counts: dict[str, Any] = {name: parameters(network) for name, network in networks(config).items()}
        if config.method == AMC_GAN:
            base = configure(config.dataset.name, config.preset)
            counts |= {name: _of_method(with_method(base, name)) for name in BUILT_IN if name != AMC_GAN.name}
    return {
        "dataset": config.dataset.name,
        "preset": config.preset,
        "method": config.method.name,
        "size": config.model.size,
        "frames": config.model.frames,
        "classes": config.dataset.classes,
        "keypoints": config.dataset.keypoints,
        "motion_condition": config.q,
        "noise": config.model.noise,
        "batch": config.training.batch,
        "parameters": counts,
        "macs": training_step_macs(config),
    }


def _of_method(config: Config) -> int | dict[str, int]:
    counts = {name: parameters(build(config)) for name, build in method_of(config).networks.items()}
    return counts if len(counts) > 1 else counts.popitem()[1]


def parameters(network: nn.Module) -> int:
    """Number of trainable values, including biases and batch norm."""
    return sum(p.numel() for p in network.parameters())


def _table(facts: dict[str, Any]) -> str:
    lines = [
        f"{facts['method']}, {facts['dataset']}, preset {facts['preset']}: {facts['size']} x {facts['size']} pixels, "
        f"T = {facts['frames']} frames, c = {facts['classes']} classes, k = {facts['keypoints']} keypoints, "
        f"q = {facts['motion_condition']}, p = {facts['noise']}",
        "",
        f"{'network':<26}{'parameters':>14}",
    ]
    lines += [f"{name.replace('_', ' '):<26}{count:>14,}" for name, count in _rows(facts["parameters"])]
    lines += ["", f"a training step on {facts['batch']} clips: {facts['macs'] / 1e9:,.2f} billion multiply-accumulates"]
    return "\n".join(lines)


def _rows(counts: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for name, count in counts.items():
        if isinstance(count, Mapping):
            yield from ((f"{name} {network}", number) for network, number in count.items())
        else:
            yield name, count
