"""Simulates studies of human preference: `python benchmarks/preference_coverage.py --json`.

Prints the tables of docs/statistics.md: coverage of the nominal 95% intervals of a preference and of Bradley-Terry
strengths, for other raters and conditions, with a known true preference; and how often a rater who answers at random is
excluded. Intervals over the answers as if they were independent are beside, for comparison.

Takes about half a minute on one core.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from scipy.special import logit

from analysis.preference.design import CATCH_TRIALS, ExclusionRule
from analysis.preference.power import simulate
from analysis.statistics.bradley_terry import bradley_terry
from analysis.statistics.intervals import crossed_interval
from analysis.statistics.levels import ALPHA
from analysis.statistics.mean_squares import mean_squares

SIZES = ((10, 100), (4, 30))  # raters and conditions: the paper's study, and a small one
PREFERENCES = (0.5, 0.77, 0.95)  # those below 50% mirror these
# Standard deviations in logits of raters and of conditions.
SPREADS = ((0.0, 0.0), (0.2, 1.0), (0.5, 1.0), (1.0, 1.0), (0.5, 2.0))
STRENGTH_PREFERENCES = (0.77, 0.8, 0.72, 0.14)  # about those of the paper's Table 5


def coverage(
    size: tuple[int, int], preference: float, spread: tuple[float, float], count: int, draw: Any
) -> dict[str, float]:
    """Coverage and mean half width (points) of a preference's interval; coverage if answers count as independent."""
    answers = simulate(preference, *size, count, draw, rater_spread=spread[0], condition_spread=spread[1])
    low, high = crossed_interval(mean_squares(answers), ALPHA)
    mean = answers.mean(axis=(1, 2))
    independent = 1.96 * np.sqrt(mean * (1 - mean) / (size[0] * size[1]))
    return {
        "coverage": float(np.mean((low <= preference) & (preference <= high))),
        "half_width": 100 * float(np.mean(high - low) / 2),
        "coverage_independent": float(np.mean(abs(mean - preference) <= independent)),
    }


def strength_coverage(size: tuple[int, int], count: int, draw: Any) -> dict[str, float]:
    """Coverage of the intervals of Bradley-Terry strengths: of the first source, and the lowest of the others."""
    margins = logit(np.array(STRENGTH_PREFERENCES))
    first = margins.sum() / (len(margins) + 1)
    truth = np.array([first, *(first - margins)])
    tables = [simulate(share, *size, count, draw) for share in STRENGTH_PREFERENCES]
    held = np.zeros((count, len(truth)), dtype=np.bool_)
    for study in range(count):
        found = bradley_terry({("first", str(i)): table[study] for i, table in enumerate(tables)})
        for place, name in enumerate(("first", *map(str, range(len(tables))))):
            interval = found[name].interval
            held[study, place] = interval is not None and interval[0] <= truth[place] <= interval[1]
    return {"first": float(held[:, 0].mean()), "others": float(held[:, 1:].mean(axis=0).min())}


def excluded_at_random(count: int, draw: Any) -> dict[str, float]:
    """How often a rater who answers at random is excluded, and the probability that the design states."""
    rule = ExclusionRule.for_trials(CATCH_TRIALS)
    right = (draw.random((count, rule.catch_trials)) < 0.5).sum(axis=1)
    return {"found": float(np.mean(right < rule.least_right)), "stated": rule.coin_excluded}


def measured(count: int, seed: int) -> dict[str, Any]:
    """All tables, with `count` simulated studies per row; a quarter of them for strengths."""
    draw = np.random.default_rng(seed)
    rows = [
        {
            "raters": size[0],
            "conditions": size[1],
            "preference": preference,
            "rater_spread": spread[0],
            "condition_spread": spread[1],
            **coverage(size, preference, spread, count, draw),
        }
        for size in SIZES
        for spread in SPREADS
        for preference in PREFERENCES
    ]
    strengths = [
        {"raters": size[0], "conditions": size[1], **strength_coverage(size, max(1, count // 4), draw)}
        for size in SIZES
    ]
    return {
        "studies": count,
        "seed": seed,
        "coverage": rows,
        "strengths": strengths,
        "random_rater_excluded": excluded_at_random(count, draw),
    }


def markdown(content: dict[str, Any]) -> str:
    """The tables of docs/statistics.md on preference studies."""
    lines = [
        "| raters | conditions | SD of raters | SD of conditions | preference | coverage | half width | independent |"
    ]
    lines += ["|" + " ---: |" * 8]
    for row in content["coverage"]:
        cells = [row["raters"], row["conditions"], row["rater_spread"], row["condition_spread"]]
        cells += [f"{row['preference']:.2f}", f"{row['coverage']:.3f}", f"{row['half_width']:.1f}"]
        lines.append("| " + " | ".join(map(str, [*cells, f"{row['coverage_independent']:.3f}"])) + " |")
    lines += ["", "| raters | conditions | strength of the first | lowest of the others |", "|" + " ---: |" * 4]
    for row in content["strengths"]:
        lines.append(f"| {row['raters']} | {row['conditions']} | {row['first']:.3f} | {row['others']:.3f} |")
    rate = content["random_rater_excluded"]
    return "\n".join([*lines, "", f"random rater excluded: {rate['found']:.3f} (stated: {rate['stated']:.3f})"])


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=2000, help="simulated studies per row (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="random seed (default: 0)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    args = parser.parse_args(argv)
    content = measured(args.studies, args.seed)
    print(json.dumps(content, indent=2) if args.json else markdown(content))


if __name__ == "__main__":
    main()
