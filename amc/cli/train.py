"""`python -m amc train`: trains one model, without Ray and MLflow."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from amc.argument_types import integer
from amc.atomic import atomic_write
from amc.cli.accuracy_table import accuracy_table
from amc.cli.command import NO_SUCCESS, check_out_folder
from amc.cli.data_options import configure_data
from amc.cli.from_study import TrialConfig, find_config
from amc.cli.method_option import add_method_option
from amc.cli.preset import chosen_preset
from amc.config import SPLIT_RULES, Config, configure
from amc.data.splits import SPLIT_HELP
from amc.data.training_data import TrainingData, prepare
from amc.errors import UserError
from amc.evaluation.judges.standard import JUDGE, SECOND, classifier
from amc.evaluation.pictures.samples import write_samples
from amc.evaluation.validation import ACCURACY, accuracies, validation
from amc.methods import check_config, with_method
from amc.progress import console
from amc.stop_signals import INTERRUPTED, StopSignals
from amc.training.loop import train
from amc.training.run import Diverged

RUNS = Path("runs")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `train`."""
    parser.add_argument(
        "--dataset", metavar="NAME", help="natops or mug: $AMC_DATA/NAME.h5 if it exists, else the procedural stand-in"
    )
    parser.add_argument("--data", type=Path, metavar="FILE.h5", help="clip file")
    parser.add_argument(
        "--preset", default="auto", metavar="NAME", help="auto, paper, compact or smoke (default: auto)"
    )
    add_method_option(parser)
    parser.add_argument("--split-rule", choices=SPLIT_RULES, metavar="RULE", help=SPLIT_HELP)
    parser.add_argument(
        "--seed", type=integer(0), default=0, metavar="S", help="random seed of weights, batches and noise (default: 0)"
    )
    parser.add_argument(
        "--steps", type=integer(1), metavar="N", help="number of training steps (default: the preset's)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for the checkpoint, result.json and pictures; rerun with the same folder to resume",
    )
    parser.add_argument(
        "--from-study",
        metavar="S",
        help="use the configuration that won this search (or that of --trial) at the chosen preset",
    )
    parser.add_argument("--trial", metavar="K", help="a trial of that study, by key or number (default: the best)")
    parser.add_argument("--runs", type=Path, metavar="DIR", help=f"folder of the studies (default: {RUNS})")
    parser.add_argument("--json", action="store_true", help="print result.json instead of a table")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Trains (resuming from a checkpoint in DIR), scores, writes DIR/result.json; returns the exit code."""
    check_out_folder(args.out)
    found = _found(args)
    config, data = _configured(args, found)
    judge, second = (classifier(config, data, seed) for seed in (JUDGE, SECOND))
    try:
        with console("training", "step") as progress, StopSignals() as stop:

            def report(step: int, metrics: Mapping[str, float]) -> bool:
                progress(step, config.training.steps, f"validation accuracy {metrics[ACCURACY]:.1%}")
                return True

            result = train(
                config, data, directory=args.out, report=report, evaluations=[validation(judge)], pausing=stop
            )
    except Diverged as error:
        print(f"error: training diverged, {error}: try another seed or lower learning rates", file=sys.stderr)
        return NO_SUCCESS
    trained = result.run
    if result.paused:
        print(f"interrupted at step {trained.step}: rerun the same command to resume", file=sys.stderr)
        return INTERRUPTED
    write_samples(trained.generator, config, data, args.out / "samples", device=trained.device)
    started = time.perf_counter()
    scores = accuracies(trained, judge, second)
    facts: dict[str, Any] = {
        "validation_accuracy": scores["accuracy"],
        **{name: value for name, value in scores.items() if name != "accuracy"},
        "clips": len(data.split.validation),
        "steps": trained.step,
        "seconds": round(trained.seconds + time.perf_counter() - started, 2),
        "dataset": config.dataset.name,
        "origin": data.clips.info.origin,
        "fingerprint": data.clips.info.fingerprint,
        "preset": config.preset,
        "method": config.method.name,
        "machine": trained.training_step.machine.facts(),
        "seed": config.seed,
        "split_rule": data.split.rule,
        "from_study": found.study if found else None,
        "from_trial": found.trial if found else None,
    }
    _write(args.out / "result.json", facts)
    title = (
        f"{trained.method.title}, {config.dataset.name} (origin={data.clips.info.origin}), preset {config.preset}, "
        f"seed {config.seed}: {trained.step} steps in {facts['seconds']:.0f} s\n"
        f"accuracy of the motion classifier on {facts['clips']} validation clips (by {data.split.rule}), in percent"
    )
    shown = f"{accuracy_table(title, scores)}\n{args.out / 'result.json'}, {args.out / 'samples'}"
    print(json.dumps(facts, indent=2) if args.json else shown)
    return 0


def _found(args: argparse.Namespace) -> TrialConfig | None:
    if args.from_study is None:
        for option in ("trial", "runs"):
            if getattr(args, option) is not None:
                raise UserError(f"--{option} requires --from-study")
        return None
    base = with_method(configure("natops"), args.method)
    return find_config(args.runs or RUNS, args.from_study, args.trial, base)


def _configured(args: argparse.Namespace, found: TrialConfig | None) -> tuple[Config, TrainingData]:
    """The complete configuration, the data as it wants them; announces both."""
    implied = found is not None and args.dataset is None and args.data is None
    dataset = found.implied_dataset() if found and implied else args.dataset
    chosen = configure_data(dataset, args.data, chosen_preset(args.preset), args.split_rule, args.method)
    config, data = chosen.config, chosen.data
    if found:
        if implied:
            found.check_origin(chosen.source.origin)
        if args.split_rule is not None:
            found = found.without("split.rule")
        applied = found.applied(config)
        check_config(applied)
        print(found.announcement(config), file=sys.stderr)
        config = applied
        if _data_settings(config) != _data_settings(chosen.config):
            data = prepare(config, chosen.source.path)
    config = replace(config, seed=args.seed)
    if args.steps is not None:
        config = replace(config, training=replace(config.training, steps=args.steps))
    print(chosen.source.announcement, file=sys.stderr)
    return config, data


def _data_settings(config: Config) -> tuple[object, ...]:
    """What sizes, split and scaled velocities of the data depend on."""
    return config.model, config.readings, config.split


def _write(path: Path, facts: Mapping[str, Any]) -> None:
    with atomic_write(path) as partial:
        partial.write_text(json.dumps(facts, indent=2) + "\n")
