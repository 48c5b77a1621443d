"""The options of `python -m analysis preference create`."""

from __future__ import annotations

import argparse
from pathlib import Path

from amc.argument_types import integer
from analysis.preference.clips import FILE_NAME as CLIPS
from analysis.preference.clips import QUALITIES
from analysis.preference.create import AUTO, BOTH, HIDDEN, SHOWN, Request, check_request, create
from analysis.preference.design import Design
from analysis.preference.power import POWER, power_curve, smallest_preference
from analysis.preference.sources import read_classes
from analysis.statistics.levels import ALPHA


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Sources, conditions, raters and tasks."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the study; must not exist")
    parser.add_argument(
        "--source",
        action="append",
        required=True,
        type=_source,
        metavar="NAME=PATH",
        help="a method: output folder of the train command, trial of a study as STUDY:TRIAL, or folder of videos; may "
        "be repeated, and the first one is compared with each of the others and with the real clips",
    )
    parser.add_argument(
        "--truth",
        default=AUTO,
        metavar="FOLDER",
        help="folder of real videos with the same file names as the others "
        f"(default: {AUTO}, the test clips of the trained runs)",
    )
    parser.add_argument("--classes", type=Path, metavar="FILE.csv", help="class of each video: columns video and class")
    parser.add_argument(
        "--conditions", type=integer(1), default=100, metavar="N", help="random test conditions (default: 100)"
    )
    parser.add_argument("--raters", type=integer(1), default=10, metavar="N", help="planned raters (default: 10)")
    parser.add_argument(
        "--labels",
        choices=(SHOWN, HIDDEN, BOTH),
        default=SHOWN,
        help="show the class of a pair, hide it, or show it in a random half of the conditions (default: shown)",
    )
    parser.add_argument(
        "--naming", action="store_true", help="raters also name the class in each clip of the hidden conditions"
    )
    parser.add_argument("--seed", type=integer(0), default=0, metavar="S", help="random seed of the study (default: 0)")
    parser.add_argument("--data", type=Path, metavar="FILE.h5", help="clip file that the runs were trained on")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), metavar="DIR", help="folder of the studies (default: runs)"
    )
    parser.add_argument(
        "--power", action="store_true", help="print the statistical power of the planned study, and exit"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Makes the study or prints its power; returns the exit code."""
    request = Request(
        sources=args.source,
        truth=args.truth,
        conditions=args.conditions,
        raters=args.raters,
        naming=args.naming,
        labels=args.labels,
        seed=args.seed,
        classes=read_classes(args.classes) if args.classes else {},
        data=args.data,
        runs=args.runs,
    )
    check_request(request, args.out)
    if args.power:
        print("\n".join(power_lines(request)))
    else:
        print("\n".join(_summary(create(request, args.out), args.out)))
    return 0


def power_lines(request: Request) -> list[str]:
    """The power for a range of preferences, for the first test of Holm's procedure."""
    halves = 2 if request.labels == BOTH else 1
    conditions, tests = request.conditions // halves, len(request.sources) * halves
    curve = power_curve(request.raters, conditions, ALPHA / tests)
    found = smallest_preference(curve)
    answer = f"a preference of {found:.1%}" if found else "no preference up to 99%"
    return [
        f"{request.raters} raters, {conditions} conditions, {tests} comparisons (two-sided, alpha {ALPHA}, Holm):",
        "preference  power",
        *(f"{preference:9.1%}  {power:6.1%}" for preference, power in curve.items()),
        f"{answer} is detected with {POWER:.0%} power (simulation; see docs/statistics.md)",
    ]


def _summary(design: Design, folder: Path) -> list[str]:
    rule, questions = design.exclusion, _questions(design)
    found = design.smallest_preference
    lowered = " (lower than usual, since the clips are noisy)" if design.jpeg_quality < QUALITIES[0] else ""
    return [
        f"study: {folder} ({len(design.conditions)} conditions, {', '.join(s.name for s in design.sources)})",
        f"each of {design.raters} raters answers {questions} questions, {rule.catch_trials} of them catch trials",
        f"excluded: raters with fewer than {rule.least_right} catch trials right (a rater who answers at random is "
        f"excluded with probability {rule.coin_excluded:.1%}, an attentive one is kept with {rule.attentive_kept:.1%})",
        f"smallest preference detectable with {POWER:.0%} power: {f'{found:.1%}' if found else 'above 99%'}",
        f"clips: {(folder / CLIPS).stat().st_size / 1e6:.1f} MB, JPEG quality {design.jpeg_quality}{lowered}",
        f"edit the texts in {folder / 'texts'}, then run: python -m analysis preference serve {folder}",
    ]


def _questions(design: Design) -> int:
    from analysis.preference.assignment import questions_for

    return len(questions_for(design, 0))


def _source(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not name or not equals or not path:
        raise argparse.ArgumentTypeError(f"give NAME=PATH, not {text!r}")
    return name, Path(path)
