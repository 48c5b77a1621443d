"""Command-line options shared by every command that runs a study; `tuning.preparation.checks` checks their values."""

from __future__ import annotations

import argparse
from pathlib import Path

from amc.argument_types import integer, number
from amc.config import SPLIT_RULES
from amc.data.splits import SPLIT_HELP
from tuning.engine.sources import MOST_SEED


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options for data, preset, study, output and resources."""
    data = parser.add_argument_group("data")
    data.add_argument(
        "--dataset",
        metavar="NAME",
        help="natops or mug; without --data, $AMC_DATA/NAME.h5 if it exists, else the procedural stand-in",
    )
    data.add_argument("--data", type=Path, metavar="FILE.h5", help="clip file, made by python -m amc.data")
    data.add_argument("--preset", default="auto", metavar="NAME", help="auto, paper, compact or smoke (default: auto)")
    data.add_argument("--split-rule", choices=SPLIT_RULES, metavar="RULE", help=SPLIT_HELP)
    data.add_argument(
        "--folds",
        type=integer(2),
        metavar="K",
        help="divide the subjects into K folds; the run with seed number r is tested on fold r modulo K, and its "
        "model and evaluation classifiers are trained on the other folds (default: one test split for all runs)",
    )
    study = parser.add_argument_group("study")
    study.add_argument(
        "--study",
        metavar="NAME",
        help="name of the study; an existing one is resumed (default: made from data set and preset)",
    )
    study.add_argument("--out", type=Path, default=Path("runs"), metavar="DIR", help="output folder (default: runs)")
    study.add_argument(
        "--seed", type=integer(0, MOST_SEED), default=0, metavar="S", help="random seed of the study (default: 0)"
    )
    study.add_argument(
        "--record", metavar="URL", help="SQLAlchemy URL of the study record (default: DIR/STUDY/record.db)"
    )
    study.add_argument(
        "--tracking-uri", metavar="URI", help="MLflow tracking URI (default: the SQLite file DIR/mlflow.db)"
    )
    study.add_argument(
        "--json", action="store_true", help="print the result as JSON, and everything else on standard error"
    )
    study.add_argument(
        "--time-budget", metavar="TIME", help="pause after this time, such as 30m or 2h; rerun the command to resume"
    )
    study.add_argument(
        "--dry-run", action="store_true", help="estimate time, steps and disk space, then exit without starting a trial"
    )
    room = parser.add_argument_group("resources")
    room.add_argument("--address", metavar="ADDR", help="Ray cluster to connect to: auto, or host:port of its head")
    room.add_argument(
        "--workers",
        type=integer(1),
        metavar="N",
        help="trials in parallel (default: as many as cores and memory allow)",
    )
    room.add_argument(
        "--cpus-per-trial",
        type=integer(1),
        metavar="N",
        help="CPU cores per trial (default: 1; an even share with --workers)",
    )
    room.add_argument(
        "--gpus-per-trial",
        type=number(0),
        metavar="F",
        help="GPUs per trial, may be a fraction (default: as GPU memory allows)",
    )
