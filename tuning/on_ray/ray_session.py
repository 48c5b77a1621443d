"""Ray for the duration of a study: an instance on this machine, or a cluster that is already running."""

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
from analysis.record.connection.lock import study_lock
from tuning.on_ray.nodes import Node, living_nodes
from tuning.workers.resources import Resources

_SESSION = "amc-ray-"
OBJECT_STORE = 128 * 1024**2  # bytes, for an instance on this machine: jobs and reports are small
ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("amc", "analysis", "tuning")  # sent to the nodes; the rest of the checkout, runs included, is not
CONNECT_SECONDS = 3.0

# Ray prints what its nodes say about their end, stack traces included, to the driver's standard output, whatever
# `log_to_driver` is. Standard output is for results, such as JSON.
ray._private.worker.print_to_stdstream = lambda data, ignore_prefix: None


@contextlib.contextmanager
def session(resources: Resources, *, devices: int, on_cluster: bool) -> Iterator[Path]:
    """Provides Ray within the block; yields a temporary folder that is deleted after it.

    Args:
        devices: GPUs of this machine; used when Ray is started here.
        on_cluster: `join_cluster` was called before, and trials run on that cluster.
    """
    with _folder() as folder:
        if not on_cluster:
            _start(resources, devices, folder)
        try:
            yield folder
        finally:
            _shut_down()


def join_cluster(address: str) -> list[Node]:
    """Connects this process to a Ray cluster; returns the nodes that are alive.

    Args:
        address: `auto`, or the host and port of the cluster's head.

    Raises:
        UserError: there is no cluster at that address, or it refused the connection.
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
        return living_nodes()
    except Exception as error:  # Ray has many classes for this, some of them private
        text = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(
            f"--address {address}: cannot connect to a Ray cluster ({text[0][:200]}): start one with "
            "`ray start --head`, and give this command the cluster's token (docs/cluster.md)"
        ) from error


def _check_reachable(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise UserError(f"--address {address}: give auto, or the head's host:port, such as 10.0.0.1:6379")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise UserError(
            f"--address {address}: no answer ({error}): check that the head of the cluster is running"
        ) from error


def _start(resources: Resources, devices: int, folder: Path) -> None:
    known = [str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    # Ray's processes inherit it, so that workers find the packages whatever the current folder is.
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(known))
    ray.init(
        address="local",
        num_cpus=resources.workers * resources.cpus,
        num_gpus=devices,
        object_store_memory=OBJECT_STORE,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        # Ray's memory monitor would kill the actor, which is small, and not the trial, which is large. Workers that Ray
        # starts in advance would stay idle: actors get processes of their own.
        _system_config={"memory_monitor_refresh_ms": 0, "prestart_worker_first_driver": False},
        _temp_dir=str(folder),
    )


def _shut_down() -> None:
    """Shuts Ray down, with garbage collection off.

    Ray aborts the process if any thread drops one of its references during the shutdown. Tune leaves reference cycles
    with such references, which the MLflow thread could otherwise collect at that moment.
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
    """Yields a temporary folder for one Ray instance, and deletes those that killed drivers left.

    It is not under $TMPDIR, because the path of a Unix socket is limited to 107 characters.
    """
    for left in Path("/tmp").glob(f"{_SESSION}*"):
        with contextlib.suppress(UserError, OSError), study_lock(left / "lock", "that session"):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_SESSION, dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with study_lock(folder / "lock", "this session"):
            yield folder
