"""Command-line options shared by every command that runs a study, and checks of their values."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from amc.argument_types import integer, number
from amc.config import SPLIT_RULES, Config
from amc.data.splits import SPLIT_HELP
from amc.errors import UserError
from analysis.record.connection.address import database_url
from analysis.record.connection.database import reading_engine
from tuning.engine.sources import MOST_SEED
from tuning.engine.study import checked_name
from tuning.on_ray.nodes import cluster_resources
from tuning.on_ray.ray_session import join_cluster
from tuning.planning.durations import parse_duration
from tuning.workers.resources import Resources, machine_resources

_TRACKING_SCHEMES = ("sqlite:///", "http://", "https://", "postgresql", "mysql", "mssql")


@dataclass(frozen=True)
class Defaults:
    """Defaults of a search that depend on the preset.

    Attributes:
        first_rung: training steps before which no trial is pruned: until motion is learnt, accuracy is at chance.
    """

    trials: int
    confirm_seeds: int
    first_rung: int


DEFAULTS: Mapping[str, Defaults] = {
    "paper": Defaults(trials=50, confirm_seeds=3, first_rung=6_000),
    "compact": Defaults(trials=6, confirm_seeds=2, first_rung=400),
    "smoke": Defaults(trials=8, confirm_seeds=1, first_rung=10),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options for data, preset, study, output and resources."""
    data = parser.add_argument_group("data")
    data.add_argument("--dataset", metavar="NAME", help="natops or mug; without --data the procedural stand-in is used")
    data.add_argument("--data", type=Path, metavar="FILE.h5", help="clip file")
    data.add_argument("--preset", default="auto", help="auto, paper, compact or smoke (default: auto)")
    data.add_argument("--split-rule", choices=SPLIT_RULES, metavar="RULE", help=SPLIT_HELP)
    study = parser.add_argument_group("study")
    study.add_argument(
        "--study",
        metavar="NAME",
        help="name of the study; an existing one is resumed (default: from data and preset)",
    )
    study.add_argument("--out", type=Path, default=Path("runs"), metavar="DIR", help="output folder (default: runs)")
    study.add_argument("--seed", type=integer(0, MOST_SEED), default=0, help="random seed of the study (default: 0)")
    study.add_argument(
        "--record", metavar="URL", help="SQLAlchemy URL of the study record (default: DIR/STUDY/record.db)"
    )
    study.add_argument(
        "--tracking-uri", metavar="URI", help="MLflow tracking URI (default: the SQLite file DIR/mlflow.db)"
    )
    study.add_argument("--json", action="store_true", help="print the result as JSON, all else to standard error")
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
        help="GPUs per trial, may be a fraction (default: by GPU memory)",
    )


def check_study(args: argparse.Namespace) -> None:
    """Checks --study and --out.

    Raises:
        UserError: The name cannot be used, or --out is not a folder.
    """
    if args.study is not None:
        checked_name(args.study)
    if args.out.exists() and not args.out.is_dir():
        raise UserError(f"--out {args.out} is not a folder")


def check_resources(args: argparse.Namespace) -> tuple[Resources, int]:
    """Resources per trial, and the number of GPUs of this machine. With --address, connects to that Ray cluster.

    Raises:
        UserError: There is no such cluster, or the request exceeds what the cluster or this machine has.
    """
    devices = torch.cuda.device_count()
    if args.address is not None:
        cluster = join_cluster(args.address)
        return cluster_resources(args.workers, args.cpus_per_trial, args.gpus_per_trial, cluster), devices
    return machine_resources(args.workers, args.cpus_per_trial, args.gpus_per_trial, devices=devices), devices


def deadline(args: argparse.Namespace) -> float | None:
    """The value of `time.monotonic()` at which --time-budget ends; None without a budget.

    Raises:
        UserError: --time-budget is not a duration.
    """
    return None if args.time_budget is None else time.monotonic() + parse_duration(args.time_budget)


def check_record(address: str | None) -> str | None:
    """The URL of the record.

    Raises:
        UserError: It is not a database URL, or the database driver is not installed.
    """
    if address is not None:
        reading_engine(database_url(address)).dispose()
    return address


def check_tracking(address: str | None) -> str | None:
    """The MLflow tracking URI.

    Raises:
        UserError: MLflow does not support it.
    """
    if address is not None and not address.startswith(_TRACKING_SCHEMES):
        raise UserError(f"--tracking-uri {address!r}: give http://host:port, sqlite:///FILE, or a database URL")
    return address


def default_study(config: Config, what: str) -> str:
    """The default name of a study, such as natops-compact-search."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", config.dataset.name).strip("-._") or "data"
    return f"{name}-{config.preset}-{what}"
