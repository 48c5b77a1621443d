"""Measures how a training step scales with frames and batch size: `python benchmarks/step_scaling.py --json`.

Prints seconds per step at several numbers of frames T and several batch sizes, measured in alternation; a straight
line through each series; and the time to load a batch as a share of loading and step. `growth` is the exponent of the
power law through the points: 1 means linear, less than 1 means that there is a fixed cost.

Takes about a minute with preset compact.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402

from amc.config import Config, configure  # noqa: E402
from amc.data.conditions import Batches  # noqa: E402
from amc.data.training_data import prepare  # noqa: E402
from amc.machine.capabilities import keep_memory  # noqa: E402
from amc.methods.amc_gan.step import AMCStep  # noqa: E402
from amc.reference.examples import random_batch  # noqa: E402
from amc.standins.registry import NATOPS  # noqa: E402


def main() -> int:
    """Runs the benchmark and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="compact", choices=("paper", "compact", "smoke"), help="(default: compact)")
    parser.add_argument(
        "--frames",
        type=int,
        nargs="+",
        default=[8, 16, 24, 32],
        metavar="T",
        help="numbers of frames (default: 8 16 24 32)",
    )
    parser.add_argument(
        "--batches", type=int, nargs="+", default=[4, 8, 12, 16], metavar="B", help="batch sizes (default: 4 8 12 16)"
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="measurements of each size (default: 5)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), metavar="N", help="threads of PyTorch")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    keep_memory()
    config = configure("natops", args.preset)
    facts: dict[str, Any] = {"preset": args.preset, "threads": args.threads, "rounds": args.rounds}
    by_frames = [replace(config, model=replace(config.model, frames=t)) for t in args.frames]
    facts["frames"] = grown(args.frames, by_frames, args.rounds)
    by_batch = [replace(config, training=replace(config.training, batch=b)) for b in args.batches]
    facts["batch"] = grown(args.batches, by_batch, args.rounds)
    facts["data"] = loading(config, args.rounds)
    print(json.dumps(facts, indent=2) if args.json else _lines(facts))
    return 0


def grown(sizes: Sequence[int], configs: Sequence[Config], rounds: int) -> dict[str, Any]:
    """Median seconds of a step at each size, and fits of a line and a power law."""
    steps = [AMCStep(config) for config in configs]
    taken: list[list[float]] = [[] for _ in sizes]
    for round_ in range(rounds + 1):
        for seconds, config, step in zip(taken, configs, steps, strict=True):
            batch = random_batch(config, config.training.batch, seed=round_, dtype=torch.float32)
            started = time.perf_counter()
            step(batch, round_)
            seconds.append(time.perf_counter() - started)
    medians = [statistics.median(seconds[1:]) for seconds in taken]  # the first is a warm-up
    slope, fixed = np.polyfit(sizes, medians, 1)
    left = np.asarray(medians) - (slope * np.asarray(sizes) + fixed)
    return {
        "sizes": list(sizes),
        "seconds": medians,
        "seconds_each": float(slope),
        "seconds_fixed": float(fixed),
        "r2": float(1 - left.var() / np.var(medians)),
        "growth": float(np.polyfit(np.log(sizes), np.log(medians), 1)[0]),
    }


def loading(config: Config, rounds: int) -> dict[str, float]:
    """Seconds to load a batch from a clip file, seconds of a step on it, and the share of the first in both."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clips.h5"
        model = config.model
        NATOPS.synthesize(
            path, clips=240, size=model.size, frames=model.frames, classes=config.dataset.classes, seed=0, workers=1
        )
        batches = Batches(config, prepare(config, path))
        step = AMCStep(config)
        made, trained = [], []
        for round_ in range(4 * rounds + 1):
            started = time.perf_counter()
            batch = batches(round_)
            between = time.perf_counter()
            step(batch, round_)
            made.append(between - started)
            trained.append(time.perf_counter() - between)
    data, training = statistics.median(made[1:]), statistics.median(trained[1:])
    return {"batch_seconds": data, "step_seconds": training, "share": data / (data + training)}


def _lines(facts: dict[str, Any]) -> str:
    lines = [f"preset {facts['preset']}, {facts['threads']} threads, medians of {facts['rounds']}"]
    for name, what in (("frames", "T"), ("batch", "batch")):
        found = facts[name]
        points = "  ".join(f"{s}: {t:.3f}" for s, t in zip(found["sizes"], found["seconds"], strict=True))
        lines.append(
            f"seconds by {what:<6} {points}   line: {found['seconds_fixed']:.3f} + {found['seconds_each']:.4f} each, "
            f"r2 {found['r2']:.3f}, growth {found['growth']:.2f}"
        )
    data = facts["data"]
    lines.append(
        f"data: {data['batch_seconds'] * 1e3:.1f} ms to load a batch, {data['step_seconds']:.3f} s per step on it, "
        f"share {data['share']:.1%}"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
