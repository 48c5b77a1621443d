"""Joining a Ray cluster that is already running."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import ray

from amc.errors import UserError
from analysis.tables.layout.cells import plural
from tuning.on_ray.nodes import Node, living_nodes
from tuning.on_ray.session_folder import PREFIX
from tuning.on_ray.worker_path import ROOT, python_command, without_current_folder

PACKAGES = ("amc", "analysis", "tuning")  # sent to the nodes; the rest of the checkout, runs included, is not
CONNECT_SECONDS = 3.0
SILENT_SECONDS = 15.0  # after which a cluster whose head does not answer is given up; Ray ends the process after 60
STOP_SECONDS = 20.0  # that the study then gets to end


def join_cluster(address: str) -> list[Node]:
    """Connects this process to a Ray cluster, prints which one, and returns the nodes that are alive.

    Args:
        address: `auto`, or the host and port of the cluster's head.

    Raises:
        UserError: there is no cluster at that address, or it refused the connection.
    """
    if address.startswith("ray://"):
        raise UserError(f"--address {address}: run the command on a node of the cluster, with --address auto")
    head = running_cluster() if address == "auto" else address
    _check_reachable(head)
    environment = {"py_modules": [str(ROOT / name) for name in PACKAGES], **python_command()}
    try:
        with tempfile.TemporaryDirectory(prefix="amc-join-") as empty, without_current_folder(Path(empty)):
            ray.init(
                address=head,
                runtime_env=environment,
                log_to_driver=False,
                logging_level=logging.ERROR,
                configure_logging=False,
            )
        nodes = living_nodes()
        free = ray.available_resources()  # type: ignore[no-untyped-call]
    except Exception as error:  # Ray has many classes for this, some of them private
        text = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(
            f"--address {address}: cannot connect to a Ray cluster ({text[0][:200]}): start one with "
            "`ray start --head`, and give this command the cluster's token (docs/cluster.md)"
        ) from error
    cpus, gpus = sum(node.cpus for node in nodes), sum(node.gpus for node in nodes)
    with contextlib.suppress(OSError):
        print(
            f"joined the Ray cluster at {head}: {plural(len(nodes), 'node')}, {free.get('CPU', 0):g} of "
            f"{plural(cpus, 'CPU core')} and {free.get('GPU', 0):g} of {plural(gpus, 'GPU')} are free",
            file=sys.stderr,
            flush=True,
        )
    return nodes


def running_cluster(commands: Iterable[list[str]] | None = None) -> str:
    """The address of the cluster that this machine is a node of: $RAY_ADDRESS, else that of a Ray node running here.

    Ray instances that other studies started for themselves are not clusters to join.

    Args:
        commands: arguments of the processes on this machine; None for those that run now.

    Raises:
        UserError: there is none, or more than one.
    """
    named = os.environ.get("RAY_ADDRESS", "")
    if named not in ("", "auto", "local"):
        return named
    found = set()
    for words in _commands() if commands is None else commands:
        private = any(f"/{PREFIX}" in word for word in words)
        if words and Path(words[0]).name == "raylet" and not private:
            found |= {word.partition("=")[2] for word in words if word.startswith("--gcs-address=")}
    if not found:
        raise UserError(
            "--address auto: no Ray cluster runs on this machine; start one with `ray start --head`, or leave out "
            "--address to use this machine alone"
        )
    if len(found) > 1:
        raise UserError(
            f"--address auto: this machine has several Ray clusters: give one of {', '.join(sorted(found))}"
        )
    return found.pop()


def _commands() -> Iterable[list[str]]:
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")


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


class ClusterWatch(threading.Thread):
    """Notices that the head of a cluster has ended; Ray would end this process without a word a minute later.

    Args:
        address: of the head.
        on_end: called with the reason; the study then has `STOP_SECONDS` to end by itself.
        force: called after that, if the watch was not closed: Ray calls in the main thread may never return.
    """

    def __init__(self, address: str, on_end: Callable[[str], None], force: Callable[[str], None]) -> None:
        super().__init__(name="cluster watch", daemon=True)
        self.address, self.on_end, self.force = address, on_end, force
        self.closed = threading.Event()

    def run(self) -> None:
        """Connects to the head every few seconds."""
        answered = time.monotonic()
        while not self.closed.wait(SILENT_SECONDS / 5):
            try:
                _check_reachable(self.address)
                answered = time.monotonic()
            except UserError:
                if time.monotonic() - answered < SILENT_SECONDS:
                    continue
                reason = f"the Ray cluster at {self.address} has ended"
                self.on_end(reason)
                if not self.closed.wait(STOP_SECONDS):
                    self.force(reason)
                return

    def close(self) -> None:
        """Ends the watch."""
        self.closed.set()
