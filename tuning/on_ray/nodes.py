"""The nodes of a Ray cluster, and how many trials have room on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amc.errors import UserError
from tuning.workers.resources import Resources, check_gpus, trials_at_once


@dataclass(frozen=True)
class Node:
    """A machine of a cluster, with the cores and GPUs that Ray reports."""

    name: str
    cpus: int
    gpus: int


def cluster_resources(workers: int | None, cpus: int | None, gpus: float | None, nodes: Sequence[Node]) -> Resources:
    """Checks the resources asked for on a cluster and fills in what is None.

    By default a trial has one core, and a GPU if any node has one, and as many trials run at once as there is room for.

    Raises:
        UserError: no node has room for such a trial, or the cluster not for so many. (Ray would wait for ever.)
    """
    most_cpus = max((node.cpus for node in nodes), default=0)
    most_gpus = max((node.gpus for node in nodes), default=0)
    cpus = 1 if cpus is None else cpus
    gpus = min(1.0, float(most_gpus)) if gpus is None else gpus
    check_gpus(gpus)
    room = sum(trials_at_once(node.cpus, node.gpus, cpus, gpus) for node in nodes)
    if room == 0:
        raise UserError(
            f"no node of the cluster has {cpus} CPU cores and {gpus:g} GPUs for a trial; the largest has {most_cpus} "
            f"CPU cores, and {most_gpus} GPUs is the most on one node: ask for less, or add a larger node"
        )
    if workers is not None and workers > room:
        raise UserError(
            f"--workers {workers}: the cluster has room for {room} such trials at once; ask for at most {room}"
        )
    return Resources(room if workers is None else workers, cpus, gpus)
