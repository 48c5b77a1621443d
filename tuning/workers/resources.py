"""What trials may use of a machine: how many at once, with how many cores, GPUs and bytes each."""

from __future__ import annotations

import os
from dataclasses import dataclass

from amc.errors import UserError


@dataclass(frozen=True)
class Resources:
    """What trials may use: `workers` at once, each with so many CPU cores and (a fraction of) GPUs.

    Attributes:
        memory: bytes that a trial may take, on its GPU where it has one, else of main memory; None is no limit.
    """

    workers: int
    cpus: int
    gpus: float
    memory: int | None = None


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine_resources(workers: int | None, cpus: int | None, gpus: float | None, *, devices: int) -> Resources:
    """Checked resources; what is None is chosen: the cores divided among trials, and a GPU each where there are any.

    Without `workers` a trial has one core and there are as many as there is room for; with it alone, the cores are
    divided evenly.

    Args:
        devices: GPUs of this machine.

    Raises:
        UserError: more than the machine has. (Ray would wait for ever.)
    """
    have = cores()
    gpus = min(1.0, float(devices)) if gpus is None else gpus
    if gpus > 1 and gpus != int(gpus):
        raise UserError(f"--gpus-per-trial {gpus:g}: give a whole number, or a fraction below 1")
    if gpus > devices:
        raise UserError(f"--gpus-per-trial {gpus:g}: this machine has {devices} GPUs; ask for at most {devices}")
    if cpus is None:
        cpus = 1 if workers is None else max(1, have // workers)
    if cpus > have:
        raise UserError(f"--cpus-per-trial {cpus}: this machine has {have} CPU cores; ask for at most {have}")
    room = have // cpus
    if gpus:
        room = min(room, int(devices // gpus) if gpus >= 1 else devices * int(1 / gpus))
    workers = room if workers is None else workers
    if workers > room:
        raise UserError(
            f"--workers {workers}: this machine has room for {room} such trials at once; ask for at most {room}"
        )
    return Resources(workers, cpus, gpus)
