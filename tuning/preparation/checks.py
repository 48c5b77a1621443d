"""Checks the values of the options that every command that runs a study has."""

from __future__ import annotations

import argparse
import sys
import time

import torch

from amc.errors import UserError
from analysis.record.connection.address import database_url
from analysis.record.connection.database import reading_engine
from tuning.engine.study import checked_name
from tuning.on_ray.clusters import join_cluster
from tuning.on_ray.nodes import cluster_resources
from tuning.planning.durations import parse_duration
from tuning.workers.resources import Resources, machine_resources

_TRACKING_SCHEMES = ("sqlite:///", "http://", "https://", "postgresql", "mysql", "mssql")


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
        nodes = join_cluster(args.address)
        resources = cluster_resources(args.workers, args.cpus_per_trial, args.gpus_per_trial, nodes)
        if args.workers is not None and resources.workers < args.workers:
            text = f"--workers {args.workers}: the cluster has room for {resources.workers} such trials at once"
            print(f"{text}; running {resources.workers}", file=sys.stderr, flush=True)
        return resources, devices
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
