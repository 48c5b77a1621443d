"""Simulates searches and the race of their finalists: `python benchmarks/race.py --json`.

How often does the race return a configuration within 3 points of the best of its finalists, and what does it cost? The
decisions are those of `analysis.record.race` and of the search's own pruner; only the training is simulated:

- A study has 50 trials (`--trials`) of the paper preset (60 reports, first rung at the 6th), 4 in parallel, speeds as
  in `benchmarks.simulated_clock`. Its cost is all its training steps, pruned trials included, in complete runs.
- The true accuracy of a configuration is normal around 50 with standard deviation `--spread`, in points. This is a
  random search; nothing is clipped.
- A seed adds a normal deviation of 12 points (`--noise`) to the whole curve of a run. At a fraction g of the training
  a run has reached 0.3 + 0.7 sqrt(g) of its final accuracy; each report before the last has 2 points of its own noise.
- Deviations of different configurations with the same seed are independent, so pairing gains nothing here. If seeds or
  folds move all finalists alike, the race is better than this.

`within` is the share of studies that return a configuration whose true accuracy is at most 3 points below that of the
best finalist, `today` the same for the configuration with the best selection score, which is what a search without a
race returns. `cost` is the mean training of the race divided by that of the search, `gain` the mean true accuracy of
what is returned minus that without a race, `promise` the mean of the winner's selection score minus its true accuracy,
and `fresh` the same for the mean of its new seeds: choosing among finalists by these seeds biases it a little, too.
Accuracies are in points. Takes about two minutes on one core for 1,000 studies.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from analysis.record.race import contenders, next_run, winner  # noqa: E402
from analysis.record.rows import Score, TrialRow  # noqa: E402
from analysis.record.states import COMPLETE, CONFIRM, TRIAL  # noqa: E402
from benchmarks.simulated_clock import SPREAD as SPEEDS  # noqa: E402
from tuning.search.pruners import create_pruner  # noqa: E402

WORKERS, REPORTS, FIRST = 4, 60, 6
RACE_SEED = 1_000_000  # no trial has it
MEAN, OWN_NOISE = 50.0, 2.0
CLOSE = 3.0  # points
# Finalists and seeds of each, by pruner: 2 and 3 are the defaults of the paper preset.
SIZES = {"halving": ((2, 2), (2, 3), (3, 3)), "none": ((2, 3), (2, 6), (3, 8))}


@dataclass(frozen=True)
class SimulatedSearch:
    """A finished search.

    Attributes:
        true: accuracy of each trial's configuration, in points.
        trials: the complete trials, as on record.
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
        behind_without: the same for the trial with the best selection score.
        promise, fresh: selection score and mean of the new seeds of the winner, minus its true accuracy.
    """

    runs: int
    cost: float
    behind: float
    behind_without: float
    promise: float
    fresh: float


def simulate_search(
    pruner: str, trials: int, spread: float, noise: float, draw: np.random.Generator
) -> SimulatedSearch:
    """Runs a search whose trials report at the rungs and at their end."""
    true = draw.normal(MEAN, spread, trials)
    final = true + noise * draw.standard_normal(trials)
    seconds = np.exp(SPEEDS * draw.standard_normal(trials))
    stopper = create_pruner(pruner, REPORTS, FIRST)
    steps = [step for step in (FIRST, 3 * FIRST, 9 * FIRST) if step < REPORTS] + [REPORTS]
    curves: dict[str, dict[int, Score]] = {}
    events: list[tuple[float, int, int]] = []
    begun, used, complete = 0, 0, []

    def begin(now: float) -> None:
        nonlocal begun
        if begun < trials:
            curves[str(begun)] = {}
            heapq.heappush(events, (now + steps[0] * float(seconds[begun]), begun, 0))
            begun += 1

    for _ in range(WORKERS):
        begin(0.0)
    while events:
        now, number, place = heapq.heappop(events)
        step, key = steps[place], str(number)
        value = float(final[number]) * (0.3 + 0.7 * math.sqrt(step / REPORTS))
        if step == REPORTS:
            complete.append(_row(TRIAL, number, number, float(final[number])))
        else:
            curves[key][step] = Score((value + OWN_NOISE * float(draw.standard_normal()),))
            if not stopper.should_prune(key, step, curves, {key: int(key) for key in curves}):
                heapq.heappush(events, (now + (steps[place + 1] - step) * float(seconds[number]), number, place + 1))
                continue
        used += step
        begin(now)
    return SimulatedSearch([float(value) for value in true], complete, used / REPORTS)


def simulate_race(
    search: SimulatedSearch, finalists: int, seeds: int, noise: float, draw: np.random.Generator
) -> RaceOutcome:
    """Races the finalists of a search, one run at a time."""
    trials, true = list(search.trials), search.true
    first = [one.trial.number for one in contenders(trials, finalists)]
    numbers = [RACE_SEED + replicate for replicate in range(seeds)]
    while (chosen := next_run(trials, finalists, numbers)) is not None:
        parent, replicate = chosen
        value = true[parent.number] + noise * float(draw.standard_normal())
        count = len(trials) - len(search.trials)
        trials.append(_row(CONFIRM, count, numbers[replicate], value, parent))
    best = winner(trials)
    assert best is not None
    runs = [row for row in trials if row.role == CONFIRM]
    own = [100 * row.value for row in runs if row.parent == best.key and row.value is not None]
    top, returned = max(true[number] for number in first), true[best.number]
    return RaceOutcome(
        runs=len(runs),
        cost=len(runs) / search.cost,
        behind=top - returned,
        behind_without=top - true[first[0]],
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
    """The results for each pruner and spread."""
    rows: list[dict[str, object]] = []
    for pruner in args.pruners:
        for spread in args.spread:
            draw = np.random.default_rng(args.seed)
            searches = [simulate_search(pruner, args.trials, spread, args.noise, draw) for _ in range(args.studies)]
            races = []
            for finalists, seeds in args.size or SIZES[pruner]:
                draw = np.random.default_rng([args.seed, 1])
                found = [simulate_race(search, finalists, seeds, args.noise, draw) for search in searches]
                races.append(summary(finalists, seeds, found))
            cost, complete = fmean(one.cost for one in searches), fmean(len(one.trials) for one in searches)
            rows.append({"pruner": pruner, "spread": spread, "cost": cost, "complete": complete, "races": races})
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark and returns the exit code."""
    args = _parser().parse_args(argv)
    started = time.perf_counter()
    rows = measure(args)
    facts = {"studies": args.studies, "seed": args.seed, "trials": args.trials, "noise": args.noise, "searches": rows}
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
            f"pruner {row['pruner']}, spread {row['spread']:g}: a search costs {row['cost']:.1f} complete runs and has "
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


def _row(role: str, number: int, seed: int, points: float, parent: TrialRow | None = None) -> TrialRow:
    params = {"x": number} if parent is None else parent.params
    key = f"{role}-{number:04d}"
    above = None if parent is None else parent.key
    return TrialRow("", key, role, number, above, COMPLETE, params, {}, seed, REPORTS, REPORTS, points / 100)


def _size(text: str) -> tuple[int, int]:
    finalists, seeds = text.split("x")
    return int(finalists), int(seeds)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=1000, metavar="N", help="simulated studies (default: 1000)")
    parser.add_argument("--trials", type=int, default=50, metavar="N", help="trials of a search (default: 50)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="random seed (default: 0)")
    parser.add_argument("--noise", type=float, default=12.0, metavar="SD", help="of seeds, in points (default: 12)")
    parser.add_argument(
        "--spread",
        type=float,
        nargs="+",
        default=[5.0, 10.0, 15.0],
        metavar="SD",
        help="of the configurations' true accuracies, in points (default: 5 10 15)",
    )
    parser.add_argument("--pruners", nargs="+", choices=tuple(SIZES), default=list(SIZES), help="(default: all)")
    parser.add_argument(
        "--size", type=_size, nargs="+", metavar="FxS", help="finalists and seeds of each, such as 2x8 (default: a few)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    return parser


if __name__ == "__main__":
    sys.exit(main())
