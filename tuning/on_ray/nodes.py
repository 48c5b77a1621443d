"""The nodes of a Ray cluster, and how many trials have room on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ray

from amc.errors import UserError
from tuning.workers.resources import Resources, check_gpus, trials_at_once


@dataclass(frozen=True)
class Node:
    """A machine of a cluster, with the cores and GPUs that Ray reports."""

    name: str
    cpus: int
    gpus: int


def living_nodes() -> list[Node]:
    """The nodes that are alive, of the cluster that this process is connected to."""
    rows = [row for row in ray.nodes() if row["Alive"]]  # type: ignore[no-untyped-call]
    return [
        Node(row["NodeManagerHostname"], int(row["Resources"].get("CPU", 0)), int(row["Resources"].get("GPU", 0)))
        for row in rows
    ]


def trials_on(nodes: Sequence[Node], cpus: int, gpus: float) -> int:
    """How many trials with so many cores and GPUs each run on these nodes at once."""
    return sum(trials_at_once(node.cpus, node.gpus, cpus, gpus) for node in nodes)


def cluster_resources(workers: int | None, cpus: int | None, gpus: float | None, nodes: Sequence[Node]) -> Resources:
    """Checks the resources asked for on a cluster and fills in what is None.

    By default a trial has one core, and a GPU if any node has one. At most as many trials run at once as there is room
    for: a cluster that has lost a node still resumes the study with the same command.

    Raises:
        UserError: no node has room for such a trial. (Ray would wait for ever.)
    """
    most_cpus = max((node.cpus for node in nodes), default=0)
    most_gpus = max((node.gpus for node in nodes), default=0)
    cpus = 1 if cpus is None else cpus
    gpus = min(1.0, float(most_gpus)) if gpus is None else gpus
    check_gpus(gpus)
    room = trials_on(nodes, cpus, gpus)
    if room == 0:
        raise UserError(
            f"no node of the cluster has {cpus} CPU cores and {gpus:g} GPUs for a trial; the largest has {most_cpus} "
            f"CPU cores, and {most_gpus} GPUs is the most on one node: ask for less, or add a larger node"
        )
    return Resources(room if workers is None else min(workers, room), cpus, gpus)
