"""`python -m amc selftest`: checks the training step on this machine.

Compares the production step with `amc/reference`, two runs of one seed, mixed precision with float32, compiled and
graphed steps with eager ones, and measures time and memory. Exits with 3 if a check fails.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import torch

from amc.cli.command import NO_SUCCESS
from amc.cli.preset import chosen_preset
from amc.errors import UserError
from amc.machine.capabilities import keep_memory
from amc.progress import console
from amc.selftest import compilation, cost, determinism, equality, graphs, precision
from amc.selftest.check_result import CheckResult, table
from amc.selftest.setting import Setting, setting

CHECKS: Mapping[str, Callable[[Setting], list[CheckResult]]] = {
    "equality": equality.check,
    "determinism": determinism.check,
    "precision": precision.check,
    "compilation": compilation.check,
    "graphs": graphs.check,
    "cost": cost.check,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `selftest`."""
    parser.add_argument(
        "--device", choices=("auto", "cuda", "cpu"), default="auto", help="auto: cuda if available (default: auto)"
    )
    parser.add_argument(
        "--preset",
        default="auto",
        metavar="NAME",
        help="auto (paper on CUDA, else compact), paper, compact or smoke (default: auto)",
    )
    parser.add_argument("--only", choices=tuple(CHECKS), action="append", help="run only this check; may be repeated")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints the results; returns the exit code."""
    device = chosen_device(args.device)
    preset = ("paper" if device.type == "cuda" else "compact") if args.preset == "auto" else chosen_preset(args.preset)
    at = setting(preset, device)
    keep_memory()
    rows = found(at, args.only or list(CHECKS))
    verdicts = Counter(row.verdict for row in rows)
    facts = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
        "kind": device.type,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "preset": preset,
        "clips": at.config.training.batch,
    }
    if args.json:
        counts = {verdict: verdicts[verdict] for verdict in ("ok", "FAILED", "skipped")}
        print(json.dumps(facts | {"checks": [row.facts() for row in rows], "verdicts": counts}, indent=2))
    else:
        print(
            f"selftest on {facts['kind']} ({facts['device']}, {facts['threads']} threads), torch {facts['torch']}, "
            f"preset {preset}, {facts['clips']} clips per step\n"
        )
        print(table(rows))
        print(f"\n{verdicts['ok']} ok, {verdicts['FAILED']} failed, {verdicts['skipped']} skipped")
    return NO_SUCCESS if verdicts["FAILED"] else 0


def chosen_device(name: str) -> torch.device:
    """The device called `name`; `auto` is CUDA where there is one.

    Raises:
        UserError: CUDA is asked for and is not there.
    """
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise UserError("--device cuda: PyTorch found no CUDA device; give --device cpu")
    if name == "cpu" or not there:
        return torch.device("cpu")
    # Before the first product: CUDA's are deterministic with it alone.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return torch.device("cuda")


def found(at: Setting, names: Sequence[str]) -> list[CheckResult]:
    """Runs the checks called `names`. A check that raises has failed; the others still run."""
    rows: list[CheckResult] = []
    with console("selftest", "check") as progress:
        for number, name in enumerate(names):
            progress(number, len(names), name)
            try:
                rows += CHECKS[name](at)
            except Exception as error:
                traceback.print_exc(file=sys.stderr)
                first = (str(error).strip().splitlines() or [""])[0]
                rows.append(CheckResult(name, f"raised {type(error).__name__}: {first}"[:120], "", "FAILED"))
            gc.collect()
            if at.device.type == "cuda":
                torch.cuda.empty_cache()
        progress(len(names), len(names))
    return rows
