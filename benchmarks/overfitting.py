"""Trains a method on one batch of four clips of the built-in data, which a method that works learns by heart.

Run `python benchmarks/overfitting.py --method mcnet --json`. `gains` are PSNR minus that of the last frame seen
repeated, in dB, over the frames that the method predicts, every 200 steps. The method has the preset's own settings and
number of steps, but weights are not averaged.

Takes 5 to 10 minutes a method of one thread with preset compact.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from torch import Tensor  # noqa: E402

from amc.cli.data_options import configure_data  # noqa: E402
from amc.config import Config  # noqa: E402
from amc.data.conditions import Batch, Batches  # noqa: E402
from amc.errors import UserError  # noqa: E402
from amc.evaluation.generation import evaluation_mode  # noqa: E402
from amc.methods import method_of  # noqa: E402
from amc.methods.protocol import TrainingStep  # noqa: E402

CLIPS = 4


def main() -> int:
    """Runs the benchmark and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", default="cdna", metavar="NAME", help="as in `amc-gan train` (default: cdna)")
    parser.add_argument("--dataset", default="natops", choices=("natops", "mug"), help="(default: natops)")
    parser.add_argument("--preset", default="compact", choices=("paper", "compact", "smoke"), help="(default: compact)")
    parser.add_argument("--steps", type=int, metavar="N", help="training steps (default: the preset's)")
    parser.add_argument("--every", type=int, default=200, metavar="N", help="steps between measurements (default: 200)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    args = parser.parse_args()
    try:
        chosen = configure_data(args.dataset, None, args.preset, method=args.method)
    except UserError as error:
        parser.error(str(error))
    config = replace(chosen.config, training=replace(chosen.config.training, batch=CLIPS))
    batch = Batches(config, chosen.data)(0)
    steps = args.steps or config.training.steps
    gains = {}
    for step, gain in overfit(config, batch, steps, min(args.every, steps)):
        gains[step] = gain
        print(f"{args.method}, {step} steps: {gain:+.2f} dB", file=sys.stderr if args.json else sys.stdout, flush=True)
    if args.json:
        facts = {"method": args.method, "dataset": args.dataset, "preset": args.preset, "clips": CLIPS, "gains": gains}
        print(json.dumps(facts, indent=2))
    return 0


def overfit(config: Config, batch: Batch, steps: int, every: int) -> Iterator[tuple[int, float]]:
    """Trains on one batch; yields the step and the gain in PSNR over repeating the last frame seen, in dB."""
    method = method_of(config)
    step = method.build(config, torch.device("cpu"))
    real = batch.clip[:, method.frames_seen :]
    repeated = psnr(batch.clip[:, method.frames_seen - 1 : method.frames_seen].expand_as(real), real)
    for i in range(1, steps + 1):
        step(batch, i - 1)
        if i % every == 0:
            yield i, psnr(generate(config, step, batch), real) - repeated


def generate(config: Config, step: TrainingStep, batch: Batch) -> Tensor:
    """Frames s + 1 to T of a batch, as evaluation has them generated."""
    method = method_of(config)
    network = step.networks[method.predictor]
    with evaluation_mode(network), torch.no_grad():
        return method.generate(network, batch.clip[:, : method.frames_seen], batch.motion, batch.noise)


def psnr(predicted: Tensor, real: Tensor) -> float:
    """In dB, of pixels in [-1, 1], over all of them."""
    return float(10 * torch.log10(4 / (predicted - real).square().mean()))


if __name__ == "__main__":
    sys.exit(main())
