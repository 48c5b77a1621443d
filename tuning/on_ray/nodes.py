"""What a Ray cluster has room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amc.errors import UserError
from tuning.workers.resources import Resources


@dataclass(frozen=True)
class Node:
    """A machine of a cluster, as Ray counts it."""

    name: str
    cpus: int
    gpus: int

    def room(self, cpus: int, gpus: float) -> int:
        """Trials at once that need so much each; a trial's GPUs are whole, or a share of one."""
        by_cpus = self.cpus // cpus
        if not gpus:
            return by_cpus
        return min(by_cpus, int(self.gpus // gpus) if gpus >= 1 else self.gpus * int(1 / gpus))


def cluster_resources(workers: int | None, cpus: int | None, gpus: float | None, nodes: Sequence[Node]) -> Resources:
    """Checked resources of trials on a cluster; what is None is chosen: one core, a GPU if there are any, all the room.

    Raises:
        UserError: no node can ever run such a trial, or not so many at once. (Ray would wait for ever.)
    """
    most = Node("", max((node.cpus for node in nodes), default=0), max((node.gpus for node in nodes), default=0))
    cpus = 1 if cpus is None else cpus
    gpus = min(1.0, float(most.gpus)) if gpus is None else gpus
    if gpus > 1 and gpus != int(gpus):
        raise UserError(f"--gpus-per-trial {gpus:g}: give a whole number, or a fraction below 1")
    room = sum(node.room(cpus, gpus) for node in nodes)
    if room == 0:
        raise UserError(
            f"no node of the cluster has {cpus} CPU cores and {gpus:g} GPUs for a trial (the most on one are "
            f"{most.cpus} and {most.gpus}): ask for less, or add such a node first"
        )
    if workers is not None and workers > room:
        raise UserError(f"--workers {workers}: the cluster has room for {room} such trials at once; ask for no more")
    return Resources(room if workers is None else workers, cpus, gpus)
