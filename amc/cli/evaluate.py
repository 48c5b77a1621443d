"""`python -m amc evaluate`: scores a trained model on the validation or test split."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

from amc.cli.accuracy_table import accuracy_table
from amc.cli.method_option import add_expected_method_option
from amc.cli.reopen import reopen
from amc.evaluation.judges.standard import JUDGE, SECOND, classifier, identity_classifier
from amc.evaluation.keypoints.judge import HELP as EXTRACTOR_HELP
from amc.evaluation.keypoints.judge import cached_keypoint_judge, check_extractor
from amc.evaluation.keypoints.summary import summary
from amc.evaluation.score_sheet import REAL, STILL
from amc.evaluation.scores.headline import headline
from amc.evaluation.scores.references import references
from amc.evaluation.scores.score import score
from amc.evaluation.scores.test_judges import Judges, has_subjects
from amc.training.run import Run

# The printed scores: name, label, decimals, factor.
_LINES = (
    ("psnr", "PSNR, true velocities, dB", 2, 1),
    ("ssim", "SSIM, true velocities", 3, 1),
    ("frechet_distance", "Frechet distance of features", 2, 1),
    ("kernel_distance", "kernel distance of features", 3, 1),
    ("identity", "identity kept, %", 1, 100),
    ("diversity_noise", "diversity over z, %", 2, 100),
    ("diversity_velocity", "diversity over velocities, %", 2, 100),
    ("motion_energy", "motion energy, %", 2, 100),
    ("keypoint_accuracy", "keypoint accuracy, %", 1, 100),
    ("keypoint_missing", "frames without keypoints, %", 1, 100),
    ("keypoint_points_missing", "keypoints not found, %", 1, 100),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `evaluate`."""
    parser.add_argument("run_directory", type=Path, metavar="RUN", help="output folder of the train command")
    parser.add_argument("--data", type=Path, metavar="FILE.h5", help="clip file that the model was trained on")
    add_expected_method_option(parser)
    parser.add_argument(
        "--split",
        choices=("validation", "test"),
        default="validation",
        help="split to score (default: validation); do not select models by test scores",
    )
    parser.add_argument("--extractor", metavar="NAME[:PATH]", help=EXTRACTOR_HELP)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints the scores; returns the exit code."""
    finished = reopen(args.run_directory, args.data, args.method)
    config, data = finished.config, finished.data
    if args.extractor:
        check_extractor(args.extractor, data)
    judges = _judges(finished, args.extractor)
    beside = references(config, data, judges, part=args.split)
    sheets = {
        "generated": score(finished.generator, config, data, judges, part=args.split),
        "first_frame_repeated": beside[STILL],
        "real": beside[REAL],
    }
    found = {
        name: {key.partition("/")[2]: value for key, value in headline(sheet).items()} for name, sheet in sheets.items()
    }
    accuracies = {
        "accuracy": found["generated"]["accuracy"],
        "second_classifier_accuracy": found["generated"]["second_accuracy"],
        "real_accuracy": found["real"]["accuracy"],
        "copy_frame_accuracy": found["first_frame_repeated"]["accuracy"],
        "chance": judges.motion.chance,
    }
    clips = len(sheets["generated"].label)
    if args.json:
        about = {"split": args.split, "split_rule": data.split.rule, "clips": clips, "steps": finished.step}
        about |= {"origin": data.clips.info.origin, "preset": config.preset}
        about |= {"method": config.method.name, "scores": found}
        about |= {"keypoints": judges.keypoints.about()} if judges.keypoints else {}
        print(json.dumps(accuracies | about, indent=2))
    else:
        title = (
            f"{finished.method.title}, {config.dataset.name} (origin={data.clips.info.origin}), "
            f"preset {config.preset}, {finished.step} steps\n"
            f"accuracy of the motion classifier on {clips} {args.split} clips (by {data.split.rule}), in percent"
        )
        print(accuracy_table(title, accuracies))
        print(_more(found))
        if judges.keypoints:
            print(f"keypoints are found by {summary(judges.keypoints.about())}")
    return 0


def _judges(finished: Run, extractor: str | None) -> Judges:
    """The judges of the run's data; trained now unless they are cached."""
    config, data = finished.config, finished.data
    return Judges(
        motion=classifier(config, data, JUDGE),
        second=classifier(config, data, SECOND),
        identity=identity_classifier(config, data) if has_subjects(data) else None,
        keypoints=cached_keypoint_judge(config, data, extractor) if extractor else None,
    )


def _more(found: Mapping[str, Mapping[str, float]]) -> str:
    """The other scores, of generated clips, repeated first frames and real clips."""
    columns = ("generated", "first_frame_repeated", "real")
    heads = ("generated", "still", "real")
    lines = [f"{'other scores':<32}" + "".join(f"{head:>11}" for head in heads)]
    for name, text, digits, factor in _LINES:
        cells = [f"{factor * found[c][name]:.{digits}f}" if name in found[c] else "-" for c in columns]
        if set(cells) != {"-"}:
            lines.append(f"  {text:<30}" + "".join(f"{cell:>11}" for cell in cells))
    return "\n".join(lines)
