"""Compares searches by their final regret on published test functions: `python benchmarks/search_quality.py --json`.

This project's default search, a Gaussian process that proposes and prunes, and those of Ray Tune (OptunaSearch or
random search, with AsyncHyperBandScheduler) get the same number of training steps on each function, with several
workers in simulated time. Regret is the optimum minus the true value, at full fidelity, of the configuration that a
search returns. Runs are paired by seed, and exactly reproducible on the same kind of processor.

A trial reports as often as the paper preset evaluates, and can be pruned from the same evaluation on. Ray Tune's
scheduler has the same first and last step and its default reduction factor, 4; `+asha3` has this project's, 3.
`returned` is the configuration that the user of a search gets: in this project that of the best complete trial, in Ray
Tune that of `ResultGrid.get_best_result()`, the trial with the highest last value, complete or not. `completed` is that
of the best complete trial in both.

Prints median regrets, and for each function and peer the paired difference with its interval and p value, at a quarter
of the budget and at its end; Holm's correction is over the functions. With `--runs FILE`, runs are saved as they end
and not repeated, so a long comparison can be killed and resumed. `search_peers.py` adds runs of other libraries to
such a file.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from amc.config import configure  # noqa: E402
from amc.errors import UserError  # noqa: E402
from analysis.statistics.holm import holm  # noqa: E402
from analysis.statistics.levels import ALPHA  # noqa: E402
from benchmarks.fidelity_functions import COMPARED, FUNCTIONS  # noqa: E402
from benchmarks.paired_regrets import compare, median  # noqa: E402
from benchmarks.prior_cases import CASES  # noqa: E402
from benchmarks.quality_table import lines, markdown  # noqa: E402
from benchmarks.saved_runs import RunKey, SavedRuns  # noqa: E402
from benchmarks.searches_compared import COMPLETED, OURS, RAY_TUNE, RETURNED, create_search  # noqa: E402
from benchmarks.simulated_clock import SimulatedRun, SimulationSetup, milestones, simulate  # noqa: E402
from tuning.preparation.defaults import DEFAULTS  # noqa: E402

PEERS = ("optuna+asha", "random+asha")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark and returns the exit code."""
    args = parser().parse_args(argv)
    setting, first = setting_of(args)
    seeds = range(args.from_seed, args.from_seed + args.seeds)
    started = time.perf_counter()
    try:
        runs = measure(args.functions, [args.search, *args.peers], setting, first, seeds, SavedRuns(args.runs))
    except UserError as error:
        print(f"search_quality.py: {error}", file=sys.stderr)
        return 2
    facts: dict[str, Any] = {
        "search": args.search,
        "seeds": args.seeds,
        "from_seed": args.from_seed,
        "first_step": first,
        **asdict(setting),
        "functions": summary(runs),
        "comparisons": comparisons(runs, args.search, setting.milestones),
        "seconds": time.perf_counter() - started,
    }
    if args.markdown:
        print(markdown(facts))
    else:
        print(json.dumps(_plain(facts), indent=2, allow_nan=False) if args.json else lines(facts))
    return 0


def setting_of(args: argparse.Namespace) -> tuple[SimulationSetup, int]:
    """The settings of the simulation, and the first step at which a trial may be pruned."""
    training = configure("natops", "paper").training
    steps = args.steps or training.steps // training.evaluate_every
    first = args.first or max(1, DEFAULTS["paper"].first_rung // training.evaluate_every)
    budget = args.budget * steps
    return SimulationSetup(steps, budget, args.workers, milestones(budget)), first


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument(
        "--functions",
        nargs="+",
        choices=tuple(FUNCTIONS),
        default=list(COMPARED),
        metavar="NAME",
        help=f"test functions, from {', '.join(FUNCTIONS)} (default: {', '.join(COMPARED)})",
    )
    options.add_argument(
        "--search",
        default=OURS,
        metavar="NAME",
        help=f"the search to compare: {OURS} is the default sampler and pruner, SAMPLER+PRUNER others of this project; "
        f"both may end in {' or '.join(f'+{case}' for case in CASES)} (default: %(default)s)",
    )
    options.add_argument(
        "--peers",
        nargs="+",
        default=list(PEERS),
        metavar="NAME",
        help=f"searches to compare with, from {', '.join(RAY_TUNE)}, those of --search, or any with saved runs "
        f"(default: {', '.join(PEERS)})",
    )
    options.add_argument(
        "--runs", type=Path, metavar="FILE", help="JSON-lines file of runs: those in it are not repeated, others added"
    )
    options.add_argument(
        "--seeds", type=int, default=20, metavar="N", help="runs of each search on each function (default: 20)"
    )
    options.add_argument("--from-seed", type=int, default=0, metavar="S", help="first seed (default: 0)")
    options.add_argument("--workers", type=int, default=4, metavar="N", help="trials in parallel (default: 4)")
    options.add_argument(
        "--budget",
        type=int,
        default=30,
        metavar="N",
        help="training steps of a search, in numbers of complete trials (default: 30)",
    )
    options.add_argument(
        "--steps", type=int, metavar="N", help="reports of a complete trial (default: the paper preset's)"
    )
    options.add_argument(
        "--first",
        type=int,
        metavar="N",
        help="first report at which a trial may be pruned (default: the paper preset's)",
    )
    form = options.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON instead of text")
    form.add_argument("--markdown", action="store_true", help="print the tables of docs/search.md instead of text")
    return options


Runs = Mapping[str, Mapping[str, Sequence[SimulatedRun]]]
"""{function: {search: a run for each seed}}."""


def measure(
    functions: Sequence[str],
    searches: Sequence[str],
    setting: SimulationSetup,
    first: int,
    seeds: range,
    saved: SavedRuns,
) -> Runs:
    """Runs each search on each function with each seed, unless the run is saved.

    Raises:
        UserError: a search is unknown here and not all of its runs are saved.
    """
    found: dict[str, dict[str, list[SimulatedRun]]] = {name: {search: [] for search in searches} for name in functions}
    for seed in seeds:  # outermost, so that what is saved so far can be compared
        for name in functions:
            for search in searches:
                key = RunKey(search, name, seed, setting, first)
                found[name][search].append(saved.get_or_run(key, partial(run, key)))
    return found


def run(key: RunKey) -> SimulatedRun:
    """Simulates one search."""
    function, setting = FUNCTIONS[key.function], key.setting
    search = create_search(key.search, function, setting.steps, key.first, key.seed)
    return simulate(search, function, setting, key.seed)


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


def comparisons(runs: Runs, search: str, steps: Sequence[int]) -> list[dict[str, Any]]:
    """Compares the regrets of a search and its peers on each function, at the first and the last milestone.

    Holm corrects over the functions: a family is one rule, milestone and peer.

    Args:
        steps: the milestones.
    """
    rows: list[dict[str, Any]] = []
    peers = [name for name in next(iter(runs.values())) if name != search]
    for rule, at, peer in product((RETURNED, COMPLETED), sorted({0, len(steps) - 1}), peers):
        found = []
        for name, searches in runs.items():
            ours, theirs = ([run.regrets[rule][at] for run in searches[which]] for which in (search, peer))
            middle, other = median(ours), median(theirs)
            ratio = middle / other if other > 0 and math.isfinite(other) else math.nan
            facts = {"rule": rule, "step": steps[at], "function": name, "peer": peer, "ratio": ratio}
            found.append({**facts, **asdict(compare(ours, theirs))})
        for row, corrected in zip(found, holm([row["p"] for row in found]), strict=True):
            row["p_holm"] = corrected
            row["verdict"] = _verdict(row)
        rows += found
    return rows


def _verdict(row: Mapping[str, Any]) -> str:
    if row["p_holm"] >= ALPHA:
        return "="
    return "better" if row["wins"] > row["losses"] else "worse"


def _plain(value: Any) -> Any:
    """Replaces infinities and NaN by None, because JSON has none."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value


if __name__ == "__main__":
    sys.exit(main())
