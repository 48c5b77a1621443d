"""A Ray instance for the length of a study: one of this machine alone, or a cluster that is there already."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import ray

from amc.errors import UserError
from analysis.record.lock import driving
from tuning.on_ray.nodes import Node
from tuning.workers.resources import Resources

_SESSION = "amc-ray-"
OBJECT_STORE = 128 * 1024**2  # bytes, of this machine's own instance: jobs and reports are small
ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("amc", "analysis", "tuning")  # what a node must import; never the whole checkout with its runs
CONNECT_SECONDS = 3.0


@contextlib.contextmanager
def session(wanted: Resources, *, devices: int, joined: bool) -> Iterator[Path]:
    """Ray for the block; gives a folder that ends with it.

    Args:
        devices: GPUs of this machine, for an instance of its own.
        joined: `join` was called before: the trials run on that cluster.
    """
    with _folder() as folder:
        if not joined:
            _start(wanted, devices, folder)
        try:
            yield folder
        finally:
            _leave()


def join_cluster(address: str) -> list[Node]:
    """Connects this process to a cluster; its living nodes.

    Raises:
        UserError: there is none at that address, or it does not let this process in.
    """
    if address.startswith("ray://"):
        raise UserError(f"--address {address}: run the command on a node of the cluster, with --address auto")
    if address != "auto":
        _check_reachable(address)
    code = {"py_modules": [str(ROOT / name) for name in PACKAGES]}
    try:
        ray.init(
            address=address, runtime_env=code, log_to_driver=False, logging_level=logging.ERROR, configure_logging=False
        )
        rows = [row for row in ray.nodes() if row["Alive"]]  # type: ignore[no-untyped-call]
    except Exception as error:  # Ray has many classes for this, some of them private
        text = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(
            f"--address {address}: no Ray cluster lets this process in ({text[0][:200]}); start one with "
            "`ray start --head`, and give this process the nodes' token (docs/cluster.md)"
        ) from error
    return [
        Node(row["NodeManagerHostname"], int(row["Resources"].get("CPU", 0)), int(row["Resources"].get("GPU", 0)))
        for row in rows
    ]


def _check_reachable(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise UserError(f"--address {address}: give auto, or the head's host:port, such as 10.0.0.1:6379")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise UserError(
            f"--address {address}: nothing answers there ({error}); is the cluster's head running?"
        ) from error


def _start(wanted: Resources, devices: int, folder: Path) -> None:
    known = [str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    # Ray's processes inherit it, so workers find the packages wherever the command was started from.
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(known))
    ray.init(
        address="local",
        num_cpus=wanted.workers * wanted.cpus,
        num_gpus=devices,
        object_store_memory=OBJECT_STORE,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        # Its monitor would kill the actor, which is small, and leave the trial, which is not.
        _system_config={"memory_monitor_refresh_ms": 0},
        _temp_dir=str(folder),
    )


def _leave() -> None:
    """Shuts Ray down; it ends the process where any thread lets go of one of its references in that moment.

    Tune leaves circles of objects that hold such references, and the tracker's thread may collect them at any time.
    """
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        ray.shutdown()
    finally:
        if collecting:
            gc.enable()


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder for one Ray instance, which Ray itself would keep for ever; those of killed drivers go, too.

    Not under $TMPDIR: the path of a Unix socket may have 107 characters.
    """
    for left in Path("/tmp").glob(f"{_SESSION}*"):
        with contextlib.suppress(UserError, OSError), driving(left / "lock", "that session"):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_SESSION, dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with driving(folder / "lock", "this session"):
            yield folder
