"""The resources of a study's trials: how many run at once, and the cores, GPUs and memory of each."""

from __future__ import annotations

from dataclasses import dataclass

from amc.errors import UserError
from amc.processes import cores


@dataclass(frozen=True)
class Resources:
    """The resources of a study's trials.

    Attributes:
        workers: trials that run at once.
        cpus: CPU cores per trial.
        gpus: GPUs per trial: a whole number, or a fraction below 1.
        memory: memory limit per trial in bytes, on its GPU if it has one, else in main memory; None is no limit.
    """

    workers: int
    cpus: int
    gpus: float
    memory: int | None = None


def machine_resources(workers: int | None, cpus: int | None, gpus: float | None, *, devices: int) -> Resources:
    """Checks the resources asked for on this machine and fills in what is None.

    By default a trial has one core, and a GPU if the machine has any, and as many trials run at once as there is room
    for. With `workers` alone the cores are divided evenly among them.

    Args:
        devices: GPUs of this machine.

    Raises:
        UserError: more was asked for than the machine has. (Ray would wait for ever.)
    """
    have = cores()
    gpus = min(1.0, float(devices)) if gpus is None else gpus
    check_gpus(gpus)
    if gpus > devices:
        raise UserError(f"--gpus-per-trial {gpus:g}: this machine has {devices} GPUs; ask for at most {devices}")
    if cpus is None:
        cpus = 1 if workers is None else max(1, have // workers)
    if cpus > have:
        raise UserError(f"--cpus-per-trial {cpus}: this machine has {have} CPU cores; ask for at most {have}")
    room = trials_at_once(have, devices, cpus, gpus)
    workers = room if workers is None else workers
    if workers > room:
        raise UserError(
            f"--workers {workers}: this machine has room for {room} such trials at once; ask for at most {room}"
        )
    return Resources(workers, cpus, gpus)


def check_gpus(gpus: float) -> None:
    """Checks the number of GPUs per trial.

    Raises:
        UserError: it is neither a whole number nor a fraction below 1.
    """
    if gpus > 1 and gpus != int(gpus):
        raise UserError(f"--gpus-per-trial {gpus:g}: give a whole number, or a fraction below 1")


def trials_at_once(have_cpus: int, have_gpus: int, cpus: int, gpus: float) -> int:
    """How many trials with so many cores and GPUs each fit on one machine; a trial's fraction is of a single GPU."""
    by_cpus = have_cpus // cpus
    if not gpus:
        return by_cpus
    return min(by_cpus, int(have_gpus // gpus) if gpus >= 1 else have_gpus * int(1 / gpus))
