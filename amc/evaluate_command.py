"""`python -m amc evaluate`: scores a finished run again, on its validation or test clips."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from amc.training.finished import JUDGE, SECOND, accuracies, classifier, reopen, table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `evaluate`."""
    parser.add_argument("run_directory", type=Path, metavar="RUN", help="the folder that `train` wrote")
    parser.add_argument("--data", type=Path, metavar="FILE.h5", help="the clip file it was trained on")
    parser.add_argument("--split", choices=("validation", "test"), default="validation", help="select nothing by test")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")


def run(args: argparse.Namespace) -> int:
    """Prints the scores and returns the exit code."""
    finished = reopen(args.run_directory, args.data)
    config, data = finished.config, finished.data
    judge, second = (classifier(config, data, seed) for seed in (JUDGE, SECOND))
    found = accuracies(finished, judge, second, args.split)
    clips = len(data.split.validation if args.split == "validation" else data.split.test)
    if args.json:
        about = {"split": args.split, "split_rule": data.split.rule, "clips": clips, "steps": finished.step}
        print(json.dumps(found | about | {"origin": data.clips.info.origin, "preset": config.preset}, indent=2))
    else:
        title = (
            f"{config.dataset.name} (origin={data.clips.info.origin}), preset {config.preset}, {finished.step} steps\n"
            f"accuracy of the motion classifier on {clips} {args.split} clips (by {data.split.rule}), in percent"
        )
        print(table(title, found))
    return 0
