"""Compares searches by their final regret on published test functions: `python benchmarks/search_quality.py --json`.

This project's default search (TPE and halving) and those of Ray Tune (OptunaSearch or random search, with
AsyncHyperBandScheduler) get the same number of training steps on each function, with several workers in simulated time.
Regret is the optimum minus the true value, at full fidelity, of the configuration that a search returns. Runs are
paired by seed and exactly reproducible.

A trial reports as often as the paper preset evaluates, and can be pruned from the same evaluation on. Ray Tune's
scheduler has the same first and last step and its default reduction factor, 4; `+asha3` has this project's, 3.
`returned` is the configuration that the user of a search gets: in this project that of the best complete trial, in Ray
Tune that of `ResultGrid.get_best_result()`, the trial with the highest last value, complete or not. `completed` is that
of the best complete trial in both.

Prints median regrets, and for each function and peer the paired difference with its interval and p value. Takes a few
minutes on one core for 20 seeds.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from amc.config import configure  # noqa: E402
from analysis.statistics.holm import holm  # noqa: E402
from analysis.statistics.levels import ALPHA  # noqa: E402
from benchmarks.fidelity_functions import FUNCTIONS  # noqa: E402
from benchmarks.paired_regrets import compare, median  # noqa: E402
from benchmarks.searches_compared import COMPLETED, RETURNED, compared  # noqa: E402
from benchmarks.simulated_clock import SimulatedRun, SimulationSetup, milestones, simulate  # noqa: E402
from tuning.preparation.defaults import DEFAULTS  # noqa: E402

OURS = "ours"
FULL = ("branin", "currin", "borehole", "counting-ones", "hartmann3-good", "hartmann3-bad", "hartmann6-moderate")
CURVES = ("branin-curve", "hartmann6-curve")
PEERS = ("optuna+asha", "random+asha")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark and returns the exit code."""
    args = _parser().parse_args(argv)
    training = configure("natops", "paper").training
    steps = args.steps or training.steps // training.evaluate_every
    first = args.first or max(1, DEFAULTS["paper"].first_rung // training.evaluate_every)
    budget = args.budget * steps
    setting = SimulationSetup(steps, budget, args.workers, milestones(budget))
    started = time.perf_counter()
    runs = measure(
        args.functions, [OURS, *args.peers], setting, first, range(args.from_seed, args.from_seed + args.seeds)
    )
    facts: dict[str, Any] = {
        "seeds": args.seeds,
        "from_seed": args.from_seed,
        "first_step": first,
        **asdict(setting),
        "functions": summary(runs),
        "comparisons": comparisons(runs),
        "seconds": time.perf_counter() - started,
    }
    print(json.dumps(_plain(facts), indent=2, allow_nan=False) if args.json else lines(facts))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--functions",
        nargs="+",
        choices=tuple(FUNCTIONS),
        default=[*FULL, *CURVES],
        metavar="NAME",
        help=f"test functions, from {', '.join(FUNCTIONS)} (default: {', '.join([*FULL, *CURVES])})",
    )
    parser.add_argument(
        "--peers",
        nargs="+",
        choices=tuple(compared(9, 1))[1:],
        default=list(PEERS),
        metavar="NAME",
        help=f"searches to compare with, from {', '.join(tuple(compared(9, 1))[1:])} (default: {', '.join(PEERS)})",
    )
    parser.add_argument(
        "--seeds", type=int, default=20, metavar="N", help="runs of each search on each function (default: 20)"
    )
    parser.add_argument("--from-seed", type=int, default=0, metavar="S", help="first seed (default: 0)")
    parser.add_argument("--workers", type=int, default=4, metavar="N", help="trials in parallel (default: 4)")
    parser.add_argument(
        "--budget",
        type=int,
        default=30,
        metavar="N",
        help="training steps of a search, in numbers of complete trials (default: 30)",
    )
    parser.add_argument(
        "--steps", type=int, metavar="N", help="reports of a complete trial (default: the paper preset's)"
    )
    parser.add_argument(
        "--first",
        type=int,
        metavar="N",
        help="first report at which a trial may be pruned (default: the paper preset's)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    return parser


Runs = Mapping[str, Mapping[str, Sequence[SimulatedRun]]]
"""{function: {search: a run for each seed}}."""


def measure(
    functions: Sequence[str], searches: Sequence[str], setting: SimulationSetup, first: int, seeds: range
) -> Runs:
    """Runs each search on each function with each seed."""
    make = compared(setting.steps, first)
    return {
        name: {
            search: [simulate(make[search](FUNCTIONS[name], seed), FUNCTIONS[name], setting, seed) for seed in seeds]
            for search in searches
        }
        for name in functions
    }


def summary(runs: Runs) -> dict[str, Any]:
    """Median regrets at each milestone by function and search, and mean numbers of trials."""
    return {
        name: {
            search: {
                **{
                    rule: [
                        median([run.regrets[rule][at] for run in found]) for at in range(len(found[0].regrets[rule]))
                    ]
                    for rule in (RETURNED, COMPLETED)
                },
                "trials": float(np.mean([run.begun for run in found])),
                "complete": float(np.mean([run.complete for run in found])),
            }
            for search, found in searches.items()
        }
        for name, searches in runs.items()
    }


def comparisons(runs: Runs) -> list[dict[str, Any]]:
    """Compares the final regrets of this project and each peer on each function; Holm corrects over a rule's rows."""
    rows: list[dict[str, Any]] = []
    for rule in (RETURNED, COMPLETED):
        found = []
        for name, searches in runs.items():
            ours = [run.regrets[rule][-1] for run in searches[OURS]]
            for peer in [search for search in searches if search != OURS]:
                theirs = [run.regrets[rule][-1] for run in searches[peer]]
                found.append({"rule": rule, "function": name, "peer": peer, **asdict(compare(ours, theirs))})
        for row, corrected in zip(found, holm([row["p"] for row in found]), strict=True):
            row["p_holm"] = corrected
            row["verdict"] = _verdict(row)
        rows += found
    return rows


def _verdict(row: Mapping[str, Any]) -> str:
    if row["p_holm"] >= ALPHA:
        return "="
    return "better" if row["wins"] > row["losses"] else "worse"


def lines(facts: Mapping[str, Any]) -> str:
    """The result as text."""
    shown = [
        f"{facts['seeds']} seeds, {facts['workers']} workers, {facts['budget']} steps a search, {facts['steps']} a "
        f"complete trial, none pruned before {facts['first_step']}; {facts['seconds']:.0f} s",
        "",
        f"median regret after {', '.join(map(str, facts['milestones']))} steps; last: of the best complete trial",
    ]
    for name, searches in facts["functions"].items():
        for search, found in searches.items():
            regrets = "  ".join(f"{value:9.4g}" for value in [*found[RETURNED], found[COMPLETED][-1]])
            shown.append(f"{name:20} {search:14} {regrets}   {found['trials']:6.1f} trials")
    for rule in (RETURNED, COMPLETED):
        shown += ["", f"ours - theirs at the end, incumbent as {rule}: median, 95% interval, wins:losses, p, Holm's p"]
        for row in facts["comparisons"]:
            if row["rule"] == rule:
                low, high = row["interval"] or (-math.inf, math.inf)
                shown.append(
                    f"{row['function']:20} {row['peer']:14} {row['median']:9.3g} [{low:9.3g}, {high:9.3g}]  "
                    f"{row['wins']:2}:{row['losses']:<2}  {row['p']:.4f}  {row['p_holm']:.4f}  {row['verdict']}"
                )
    return "\n".join(shown)


def _plain(value: Any) -> Any:
    """Replaces infinities by None, because JSON has none."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value


if __name__ == "__main__":
    sys.exit(main())
