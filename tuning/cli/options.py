"""Options that every command which runs a study has, and what follows from them."""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from amc.cli.command import chosen_preset
from amc.cli.data_options import Chosen
from amc.config import SPLIT_RULES, Config
from amc.data.splits import SPLIT_HELP
from amc.errors import UserError
from amc.evaluation.judges.motion_classifier import TrainedClassifier
from amc.evaluation.judges.standard import JUDGE
from analysis.record.schema import connect, database_url
from tuning.cli.duration import duration
from tuning.engine.machine_facts import machine_facts
from tuning.engine.sources import MOST_SEED
from tuning.engine.study import checked_name
from tuning.on_ray.nodes import cluster_resources
from tuning.on_ray.ray_session import join_cluster
from tuning.planning.fitting import Asked, fitted
from tuning.workers.resources import Resources, cores, machine_resources

_PACKAGES = {"amc": "amc-gan", **{name: name for name in ("torch", "ray", "optuna", "mlflow", "numpy")}}


@dataclass(frozen=True)
class Defaults:
    """What a preset does where nothing is asked for."""

    trials: int
    confirm_seeds: int
    first_rung: int  # steps before which no trial is pruned: until motion is learnt, all are at chance


DEFAULTS: Mapping[str, Defaults] = {
    "paper": Defaults(trials=50, confirm_seeds=3, first_rung=6_000),
    "compact": Defaults(trials=6, confirm_seeds=2, first_rung=400),
    "smoke": Defaults(trials=8, confirm_seeds=1, first_rung=10),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Data, preset, study, place and resources."""
    data = parser.add_argument_group("data")
    data.add_argument("--dataset", metavar="NAME", help="natops or mug; without --data the procedural stand-in")
    data.add_argument("--data", type=Path, metavar="FILE.h5", help="a clip file")
    data.add_argument("--preset", default="auto", help="auto (default), paper, compact or smoke")
    data.add_argument("--split-rule", choices=SPLIT_RULES, metavar="RULE", help=SPLIT_HELP)
    study = parser.add_argument_group("study")
    study.add_argument("--study", metavar="NAME", help="default: from data set and preset; the same name goes on")
    study.add_argument("--out", type=Path, default=Path("runs"), metavar="DIR", help="where studies are kept (runs)")
    study.add_argument("--seed", type=int, default=0, help="of the whole study (0)")
    study.add_argument("--record", metavar="URL", help="SQLAlchemy address of the record (DIR/STUDY/record.db)")
    study.add_argument("--tracking-uri", metavar="URI", help="MLflow's address (sqlite file DIR/mlflow.db)")
    study.add_argument("--json", action="store_true", help="print the result as JSON, all else to standard error")
    study.add_argument("--time-budget", metavar="TIME", help="such as 30m or 2h: then it stops, and can go on later")
    study.add_argument("--dry-run", action="store_true", help="say what it would take and where it goes; start nothing")
    room = parser.add_argument_group("resources")
    room.add_argument("--address", metavar="ADDR", help="of a Ray cluster to join: auto, or its head's host:port")
    room.add_argument("--workers", type=int, metavar="N", help="trials at once (as many as cores and memory allow)")
    room.add_argument("--cpus-per-trial", type=int, metavar="N", help="CPU cores of a trial (1; an even share)")
    room.add_argument("--gpus-per-trial", type=float, metavar="F", help="GPUs of a trial (as small a share as it fits)")


def check_study(args: argparse.Namespace) -> None:
    """Refuses a seed, a name or a folder that no study can have.

    Raises:
        UserError: which one, and what to give.
    """
    if not 0 <= args.seed <= MOST_SEED:
        raise UserError(f"--seed {args.seed}: give 0 or more, at most {MOST_SEED}")
    if args.study is not None:
        checked_name(args.study)
    if args.out.exists() and not args.out.is_dir():
        raise UserError(f"--out {args.out} is no folder")


def checked_resources(args: argparse.Namespace) -> tuple[Resources, int]:
    """Resources for trials, and the number of GPUs of this machine; with --address it joins that cluster.

    Raises:
        UserError: no such cluster, or more than it, or this machine, has.
    """
    devices = torch.cuda.device_count()
    if args.address is not None:
        return cluster_resources(
            args.workers, args.cpus_per_trial, args.gpus_per_trial, join_cluster(args.address)
        ), devices
    return machine_resources(args.workers, args.cpus_per_trial, args.gpus_per_trial, devices=devices), devices


def fitted_resources(
    args: argparse.Namespace, wanted: Resources, devices: int, config: Config, prepared: Chosen
) -> Resources:
    """Resources with what the user left open chosen by measured memory, which is said in a line; a cluster's as given.

    Args:
        config: the largest that trials may have.

    Raises:
        UserError: not even one trial fits.
    """
    if args.address is not None:
        return wanted
    asked = Asked(*(value is not None for value in (args.workers, args.cpus_per_trial, args.gpus_per_trial)))
    settings = {"data": str(prepared.source.path.absolute()), "classifier_seed": JUDGE}
    fingerprint = prepared.data.clips.info.fingerprint
    packing = fitted(wanted, asked, config=config, fingerprint=fingerprint, settings=settings, devices=devices)
    if packing.line:
        print(packing.line, file=sys.stderr)
    return packing.resources


def resource_settings(wanted: Resources) -> dict[str, Any]:
    """What the record says of the resources, by which later forecasts tell whether they may go by it."""
    return {
        "workers": wanted.workers,
        "cpus_per_trial": wanted.cpus,
        "gpus_per_trial": wanted.gpus,
        "machine": machine_facts(wanted.gpus) | {"cores": cores()},
    }


def checked_end(args: argparse.Namespace) -> float | None:
    """The `time.monotonic()` by which --time-budget wants the study to have ended; None without.

    Raises:
        UserError: it is no duration.
    """
    return None if args.time_budget is None else time.monotonic() + duration(args.time_budget)


def checked_record(address: str | None) -> str | None:
    """The record's address.

    Raises:
        UserError: it is none, or its driver is not installed.
    """
    if address is not None:
        connect(database_url(address)).dispose()
    return address


def checked_tracking(address: str | None) -> str | None:
    """MLflow's address.

    Raises:
        UserError: it is none that MLflow can keep runs at.
    """
    known = ("sqlite:///", "http://", "https://", "postgresql", "mysql", "mssql")
    if address is not None and not address.startswith(known):
        raise UserError(f"--tracking-uri {address!r}: give http://host:port, sqlite:///FILE, or a database's address")
    return address


def described(prepared: Chosen, classifier: TrainedClassifier) -> dict[str, Any]:
    """What the record says of a study's data."""
    clips, split = prepared.data.clips, prepared.data.split
    return {
        "name": prepared.config.dataset.name,
        "origin": clips.info.origin,
        "fingerprint": clips.info.fingerprint,
        "clips": len(clips.label),
        "classes": len(clips.info.class_names),
        "split": {
            "rule": split.rule,
            "seed": split.seed,
            "train": len(split.train),
            "validation": len(split.validation),
            "test": len(split.test),
            **({"left_out": len(split.left_out)} if len(split.left_out) else {}),
        },
        "reduction": clips.reduction,
        "chance": classifier.chance,
        "real_accuracy": {"validation": classifier.validation_accuracy, "test": classifier.test_accuracy},
        "classifier": classifier.key,
    }


def default_study(config: Config, what: str) -> str:
    """The study's name where none is given, such as natops-compact-search."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", config.dataset.name).strip("-._") or "data"
    return f"{name}-{config.preset}-{what}"


def preset_of(args: argparse.Namespace) -> str:
    """The preset that was asked for; see `amc.cli.command.chosen_preset`."""
    return chosen_preset(args.preset)


def versions() -> dict[str, str]:
    """Of Python, the libraries that decide what comes out, and this program's source."""
    found = {"python": platform.python_version()}
    for name, package in _PACKAGES.items():
        try:
            found[name] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue  # run from a checkout, or not needed here
    revision = git_revision()
    return found | ({"git": revision} if revision else {})


def git_revision() -> str:
    """The commit of this checkout, with "+" where files differ from it; empty where there is none."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True)
        state = subprocess.run(["git", "status", "--porcelain"], cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return commit.stdout.strip() + ("+" if state.stdout.strip() else "")
