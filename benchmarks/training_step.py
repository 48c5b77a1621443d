"""Compares the production training step with the literal one of `amc/reference`, in time and memory.

Run `python benchmarks/training_step.py --preset paper --json`. Both steps start from the same weights and get the same
batches in alternation, so that changes of the machine's speed affect both. Production has the precision that the preset
has on this machine: with preset paper, bfloat16 products if the processor supports them. `--precision fp32` gives it
that of the literal step. `ratio` is literal / production seconds; `memory_ratio` is production / literal peak memory,
each measured in its own process; `matrix_share` is the rate of production's multiply-accumulates relative to plain
matrix products in the same precision.

Takes about half a minute with preset compact, and a few minutes with preset paper.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from amc.config import Config, configure  # noqa: E402
from amc.machine.capabilities import keep_memory, quick_products, resolve  # noqa: E402
from amc.methods.amc_gan.step import AMCStep  # noqa: E402
from amc.reference.examples import random_batch  # noqa: E402
from amc.reference.step import LiteralStep  # noqa: E402
from amc.selftest.memory import added_by  # noqa: E402

SIDES: dict[str, Callable[[Config], Any]] = {"literal": LiteralStep, "production": AMCStep}
CPU = torch.device("cpu")


def main() -> int:
    """Runs the benchmark and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="compact", choices=("paper", "compact", "smoke"), help="(default: compact)")
    parser.add_argument("--dataset", default="natops", choices=("natops", "mug"), help="(default: natops)")
    parser.add_argument("--batch", type=int, metavar="B", help="batch size (default: the preset's; 2 for paper)")
    parser.add_argument("--pairs", type=int, default=5, metavar="N", help="measurements of each step (default: 5)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), metavar="N", help="threads of PyTorch")
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), help="of production (default: the preset's)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument("--memory-of", choices=tuple(SIDES), help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    config = configure(args.dataset, args.preset)
    batch = args.batch or (2 if args.preset == "paper" else config.training.batch)
    machine = replace(config.machine, precision=args.precision) if args.precision else config.machine
    config = replace(config, training=replace(config.training, batch=batch), machine=machine)
    keep_memory()  # for both sides, as in training
    if args.memory_of:
        print(peak_bytes(config, args.memory_of))
        return 0
    facts = measure(config, args.pairs)
    memory = {side: memory_of(side, sys.argv[1:]) for side in SIDES}
    facts |= {"memory_bytes": memory, "memory_ratio": memory["production"] / memory["literal"]}
    print(json.dumps(facts, indent=2) if args.json else _lines(facts))
    return 0


def measure(config: Config, pairs: int) -> dict[str, Any]:
    """Times both steps in alternation; returns seconds, ratios and multiply-accumulates."""
    steps = {side: make(config) for side, make in SIDES.items()}
    for name, network in steps["literal"].networks.items():
        network.load_state_dict(steps["production"].networks[name].state_dict())
    macs = {side: count(config, step) for side, step in steps.items()}
    half = resolve(config.machine, CPU).half
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    rates = []
    for pair in range(pairs + 1):
        batch = random_batch(config, config.training.batch, seed=pair, dtype=torch.float32)
        for side, step in steps.items():
            started = time.perf_counter()
            step(batch, pair)
            seconds[side].append(time.perf_counter() - started)
        rates.append(matrix_rate(half))
    seconds = {side: taken[1:] for side, taken in seconds.items()}  # the first is a warm-up
    ratios = [a / b for a, b in zip(seconds["literal"], seconds["production"], strict=True)]
    median = {side: statistics.median(taken) for side, taken in seconds.items()}
    rate = statistics.median(rates)
    return {
        "dataset": config.dataset.name,
        "preset": config.preset,
        "batch": config.training.batch,
        "threads": torch.get_num_threads(),
        "precision": "bf16" if half else "fp32",
        "pairs": pairs,
        "seconds": median,
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "macs": macs,
        "matrix_macs_per_second": rate,
        "matrix_share": macs["production"] / median["production"] / rate,
    }


def count(config: Config, step: Any) -> int:
    """Multiply-accumulates of one step, in matrix products and convolutions."""
    batch = random_batch(config, config.training.batch, dtype=torch.float32)
    with FlopCounterMode(display=False) as counter:
        step(batch, 0)
    return int(counter.get_total_flops()) // 2


def matrix_rate(half: bool, size: int = 2048) -> float:
    """Multiply-accumulates per second of a square matrix product in the step's precision, the best of three."""
    dtype = torch.bfloat16 if half else torch.float32
    a, b = (torch.randn(size, size).to(dtype) for _ in range(2))
    best = 0.0
    with quick_products():
        for _ in range(3):
            started = time.perf_counter()
            torch.mm(a, b)
            best = max(best, size**3 / (time.perf_counter() - started))
    return best


def peak_bytes(config: Config, side: str) -> int:
    """Peak resident memory in bytes that two steps add to this process, which has done nothing before."""
    step = SIDES[side](config)
    batch = random_batch(config, config.training.batch, dtype=torch.float32)
    return added_by(lambda at: step(batch, at))


def memory_of(side: str, arguments: list[str]) -> int:
    """`peak_bytes` in a fresh process."""
    command = [sys.executable, __file__, *arguments, "--memory-of", side]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _lines(facts: dict[str, Any]) -> str:
    seconds, macs = facts["seconds"], facts["macs"]
    return "\n".join(
        [
            f"{facts['dataset']} {facts['preset']}, batch {facts['batch']}, "
            f"{facts['threads']} threads, {facts['pairs']} pairs, production in {facts['precision']}",
            f"seconds per step   literal {seconds['literal']:.3f}   production {seconds['production']:.3f}   "
            f"ratio {facts['ratio']:.2f}",
            f"multiply-acc. (G)  literal {macs['literal'] / 1e9:.1f}   production {macs['production'] / 1e9:.1f}",
            f"peak memory        production / literal {facts['memory_ratio']:.2f}",
            f"share of the matrix-product rate: {facts['matrix_share']:.2f}",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
