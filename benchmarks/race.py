"""Simulates searches and the race of their finalists: `python benchmarks/race.py --json`.

How often does the race return a configuration within 3 points of the best of its finalists, and what does it cost? The
decisions are those of `analysis.record.race` and of the search itself; only the training is simulated:

- A study has 50 trials (`--trials`) in proportions of the paper preset (30 reports, first rung at the 3rd), 4 in
  parallel, as in `benchmarks.search_quality`. Its cost is all its training steps, pruned trials included, in complete
  runs.
- A configuration is a point of the unit cube. Its true accuracy increases with Hartmann's function of 6 dimensions and
  is normal over the cube, around 50 with standard deviation `--spread`, in points; nothing is clipped.
- A seed adds a normal deviation of 12 points (`--noise`) to the whole curve of a run. At a fraction g of the training
  a run has reached 0.3 + 0.7 sqrt(g) of its final accuracy; each report before the last has 2 points of its own noise.
- Deviations of different configurations with the same seed are independent, so pairing gains nothing here. If seeds or
  folds move all finalists alike, the race is better than this.

`within` is the share of studies that return a configuration whose true accuracy is at most 3 points below that of the
best finalist, `today` the same for the configuration with the best selection score, which is what a search without a
race returns. `cost` is the mean training of the race divided by that of the search, `gain` the mean true accuracy of
what is returned minus that without a race, `promise` the mean of the winner's selection score minus its true accuracy,
and `fresh` the same for the mean of its new seeds: choosing among finalists by these seeds biases it a little, too.
Accuracies are in points. Searches run in parallel, one on each core.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from statistics import fmean
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from scipy.special import ndtri  # noqa: E402

from analysis.record.race import contenders, next_run, winner  # noqa: E402
from analysis.record.ranking import best as best_selected  # noqa: E402
from analysis.record.rows import TrialRow  # noqa: E402
from analysis.record.states import COMPLETE, CONFIRM  # noqa: E402
from benchmarks.fidelity_functions import FUNCTIONS, Function, Vector, linear  # noqa: E402
from benchmarks.searches_compared import OWN, Ours, create_search, point_of, space_of  # noqa: E402
from benchmarks.simulated_clock import SimulationSetup, simulate  # noqa: E402
from tuning.preparation.defaults import DEFAULTS, PRUNER, SAMPLER  # noqa: E402

WORKERS, REPORTS, FIRST = 4, 30, 3
RACE_SEED = 1_000_000  # no trial has it
MEAN, OWN_NOISE = 50.0, 2.0
CLOSE = 3.0  # points
OURS = f"{SAMPLER}+{PRUNER}"
SEARCHES = (OURS, "tpe+halving", "random+halving", "random+none")
PAPER = DEFAULTS["paper"]
SIZES = ((PAPER.finalists, PAPER.confirm_seeds), (2, 2))


@dataclass(frozen=True)
class SimulatedSearch:
    """A finished search.

    Attributes:
        true: accuracy of each trial's configuration, in points.
        trials: all trials, as on record.
        cost: training steps of all trials, in complete runs.
    """

    true: Sequence[float]
    trials: Sequence[TrialRow]
    cost: float


@dataclass(frozen=True)
class RaceOutcome:
    """What a race returned; accuracies in points.

    Attributes:
        runs: number of race runs.
        cost: of the race, relative to the search.
        behind: true accuracy of the best finalist minus that of the winner.
        behind_without: the same for the trial with the best selection score, which need not be a finalist.
        promise, fresh: selection score and mean of the new seeds of the winner, minus its true accuracy.
    """

    runs: int
    cost: float
    behind: float
    behind_without: float
    promise: float
    fresh: float


@cache
def _landscape() -> Vector:
    """Values of Hartmann's function at random points, ascending."""
    points = np.random.default_rng(0).random((20_000, 6))
    return np.sort([FUNCTIONS["hartmann6-good"].true(point) for point in points])


def accuracies(spread: float, noise: float) -> Function:
    """The accuracies, between 0 and 1, of simulated configurations; those of random ones are normal."""

    def true(point: Vector) -> float:
        known = _landscape()
        share = np.searchsorted(known, FUNCTIONS["hartmann6-good"].true(point)) / len(known)
        return float(MEAN + spread * ndtri(np.clip(share, 0.5 / len(known), 1 - 0.5 / len(known)))) / 100

    def curve(point: Vector, steps: int, draw: np.random.Generator) -> Vector:
        final = true(point) + noise / 100 * draw.standard_normal()
        reports = final * (0.3 + 0.7 * np.sqrt(linear(steps)))
        reports[:-1] += OWN_NOISE / 100 * draw.standard_normal(steps - 1)
        return np.asarray(reports)

    return Function("accuracies", 6, math.inf, true, curve)


@cache
def _space() -> dict[str, Any]:
    """The searched space, as on record."""
    return space_of(accuracies(1.0, 1.0), 0).to_dict()


def simulate_search(seed: int, name: str, trials: int, spread: float, noise: float) -> SimulatedSearch:
    """Runs a search, such as `gp+gp` (sampler and pruner), until all its trials have ended."""
    function = accuracies(spread, noise)
    search = create_search(name, function, REPORTS, FIRST, seed)
    assert isinstance(search, Ours)
    simulate(search, function, SimulationSetup(REPORTS, trials * REPORTS, WORKERS, ()), seed, trials)
    true = [100 * function.true(point_of(trial.params, function)) for trial in search.trials]
    return SimulatedSearch(true, search.trials, sum(trial.step for trial in search.trials) / REPORTS)


def simulate_race(
    search: SimulatedSearch, finalists: int, seeds: int, noise: float, draw: np.random.Generator
) -> RaceOutcome:
    """Races the finalists of a search, one run at a time."""
    trials, true = list(search.trials), search.true
    first = [one.trial.number for one in contenders(trials, finalists, _space())]
    selected = best_selected(trials)
    numbers = [RACE_SEED + replicate for replicate in range(seeds)]
    while (chosen := next_run(trials, finalists, numbers, _space())) is not None:
        parent, replicate = chosen
        value = true[parent.number] + noise * float(draw.standard_normal())
        count = len(trials) - len(search.trials)
        trials.append(_confirming(count, numbers[replicate], value, parent))
    best = winner(trials, _space())
    assert best is not None
    assert selected is not None
    runs = [row for row in trials if row.role == CONFIRM]
    own = [100 * row.value for row in runs if row.parent == best.key and row.value is not None]
    top, returned = max(true[number] for number in first), true[best.number]
    return RaceOutcome(
        runs=len(runs),
        cost=len(runs) / search.cost,
        behind=top - returned,
        behind_without=top - true[selected.number],
        promise=100 * (best.value or 0.0) - returned,
        fresh=fmean(own) - returned,
    )


def summary(finalists: int, seeds: int, found: Sequence[RaceOutcome]) -> dict[str, float]:
    """The means over studies."""

    def mean(name: str) -> float:
        return fmean(getattr(one, name) for one in found)

    return {
        "finalists": finalists,
        "seeds": seeds,
        "within": fmean(one.behind <= CLOSE for one in found),
        "today": fmean(one.behind_without <= CLOSE for one in found),
        "cost": mean("cost"),
        "runs": mean("runs"),
        "gain": mean("behind_without") - mean("behind"),
        "promise": mean("promise"),
        "fresh": mean("fresh"),
    }


def measure(args: argparse.Namespace) -> list[dict[str, object]]:
    """The results for each search and spread."""
    rows: list[dict[str, object]] = []
    for name in args.searches:
        for spread in args.spread:
            simulated = partial(simulate_search, name=name, trials=args.trials, spread=spread, noise=args.noise)
            with ProcessPoolExecutor() as pool:
                seeds = range(args.from_seed, args.from_seed + args.studies)
                searches = list(pool.map(simulated, seeds, chunksize=4))
            races = []
            for finalists, most in args.size or SIZES:
                draw = np.random.default_rng([args.from_seed, 1])
                found = [simulate_race(search, finalists, most, args.noise, draw) for search in searches]
                races.append(summary(finalists, most, found))
            complete = sum(trial.state == COMPLETE for one in searches for trial in one.trials) / len(searches)
            cost = fmean(one.cost for one in searches)
            rows.append({"search": name, "spread": spread, "cost": cost, "complete": complete, "races": races})
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark and returns the exit code."""
    args = _parser().parse_args(argv)
    started = time.perf_counter()
    rows = measure(args)
    facts = {
        "studies": args.studies,
        "from_seed": args.from_seed,
        "trials": args.trials,
        "noise": args.noise,
        "searches": rows,
    }
    if args.json:
        print(json.dumps(facts | {"seconds": time.perf_counter() - started}, indent=2, allow_nan=False))
    else:
        print(
            f"{args.studies} studies, seeds' standard deviation {args.noise:g}; {time.perf_counter() - started:.0f} s"
        )
        print("\n".join(_lines(rows)))
    return 0


def _lines(rows: Sequence[dict[str, object]]) -> list[str]:
    lines = []
    for row in rows:
        lines.append(
            f"{row['search']}, spread {row['spread']:g}: a search costs {row['cost']:.1f} complete runs and has "
            f"{row['complete']:.1f} complete trials"
        )
        lines.append("  finalists seeds  within  today   cost   runs   gain promise  fresh")
        races = row["races"]
        assert isinstance(races, list)
        lines += [
            f"  {race['finalists']:9} {race['seeds']:5} {race['within']:7.3f} {race['today']:6.3f} {race['cost']:6.2f} "
            f"{race['runs']:6.1f} {race['gain']:6.2f} {race['promise']:7.1f} {race['fresh']:6.2f}"
            for race in races
        ]
    return lines


def _confirming(number: int, seed: int, points: float, parent: TrialRow) -> TrialRow:
    key = f"{CONFIRM}-{number:04d}"
    value = points / 100
    return TrialRow("", key, CONFIRM, number, parent.key, COMPLETE, parent.params, {}, seed, REPORTS, REPORTS, value)


def _size(text: str) -> tuple[int, int]:
    finalists, seeds = text.split("x")
    return int(finalists), int(seeds)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=1000, metavar="N", help="simulated studies (default: 1000)")
    parser.add_argument("--trials", type=int, default=50, metavar="N", help="trials of a search (default: 50)")
    parser.add_argument("--from-seed", type=int, default=0, metavar="S", help="of the first study (default: 0)")
    parser.add_argument("--noise", type=float, default=12.0, metavar="SD", help="of seeds, in points (default: 12)")
    parser.add_argument(
        "--spread",
        type=float,
        nargs="+",
        default=[5.0, 10.0, 15.0],
        metavar="SD",
        help="of the configurations' true accuracies, in points (default: 5 10 15)",
    )
    parser.add_argument(
        "--searches",
        nargs="+",
        choices=OWN,
        default=list(SEARCHES),
        metavar="NAME",
        help=f"(default: {', '.join(SEARCHES)})",
    )
    parser.add_argument(
        "--size", type=_size, nargs="+", metavar="FxS", help="finalists and seeds of each, such as 2x8 (default: a few)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    return parser


if __name__ == "__main__":
    sys.exit(main())
