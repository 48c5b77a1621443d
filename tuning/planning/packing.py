"""How many trials fit on a machine at once, from the peak memory of one: arithmetic alone."""

from __future__ import annotations

from dataclasses import dataclass

from amc.errors import UserError
from tuning.workers.resources import Resources

MARGIN = 0.1  # of a device's or machine's memory, kept free: allocators fragment, and peaks differ a little
GIB = 2**30


@dataclass(frozen=True)
class Machine:
    """What there is to pack trials into.

    Attributes:
        cores: CPU cores.
        memory: bytes of main memory that are free.
        devices: GPUs.
        device_memory: bytes of the smallest GPU that are free.
    """

    cores: int
    memory: int
    devices: int = 0
    device_memory: int = 0


@dataclass(frozen=True)
class Packing:
    """Trials at once, and why so many.

    Attributes:
        line: one line for the user.
    """

    resources: Resources
    line: str


def packed(machine: Machine, peak: int, *, cpus: int | None, host_peak: int | None = None) -> Packing:
    """As many trials at once as memory and cores allow, where neither workers nor a share of a GPU was asked for.

    A GPU is shared by k trials where k of their peaks fit into it with the margin; a trial then asks for 1/k of one.

    Args:
        peak: bytes that a trial takes at its largest: of a GPU's memory where there is one, else of main memory.
        cpus: cores of a trial where the user said; None is one core where there are enough trials for all cores, else
            an even share.
        host_peak: bytes of main memory that a trial on a GPU takes; None is not known and not heeded.

    Raises:
        UserError: not even one trial fits.
    """
    return _on_devices(machine, peak, cpus, host_peak) if machine.devices else _on_cores(machine, peak, cpus)


def _on_cores(machine: Machine, peak: int, cpus: int | None) -> Packing:
    fits, by_cores = _fits(machine.memory, peak, "of main memory"), machine.cores // (cpus or 1)
    workers = max(1, min(fits, by_cores))
    cpus = cpus or max(1, machine.cores // workers)
    why = f"a step takes {_size(peak)}, {_size(machine.memory)} are free, {machine.cores} cores"
    return Packing(Resources(workers, cpus, 0.0), f"{_trials(workers)} at once, {_cores(cpus)} each: {why}")


def _on_devices(machine: Machine, peak: int, cpus: int | None, host_peak: int | None) -> Packing:
    fits, by_cores = _fits(machine.device_memory, peak, "of the GPU's memory"), machine.cores // (cpus or 1)
    if host_peak:
        by_cores = min(by_cores, _fits(machine.memory, host_peak, "of main memory"))
    # Never more on one GPU than the cores can feed, were the trials spread over all GPUs.
    each = max(1, min(fits, by_cores // machine.devices))
    workers = min(each * machine.devices, by_cores)
    cpus = cpus or max(1, machine.cores // workers)
    why = f"a step takes {_size(peak)} of a GPU, {_size(machine.device_memory)} are free, {machine.cores} cores"
    shared = f"{each} on each of {machine.devices} GPUs" if machine.devices > 1 else "on one GPU"
    return Packing(Resources(workers, cpus, 1 / each), f"{_trials(workers)} at once {shared}: {why}")


def _fits(free: int, peak: int, what: str) -> int:
    count = int(free * (1 - MARGIN)) // max(1, peak)
    if count < 1:
        raise UserError(
            f"a training step takes {_size(peak)} {what}, of which {_size(free)} are free: choose a smaller preset, "
            "or fewer clips a step (training.batch under [fixed] in a --space file)"
        )
    return count


def share(total: int, each: int) -> int:
    """Bytes that one of `each` trials may take of `total`, the margin left out."""
    return int(total * (1 - MARGIN)) // max(1, each)


def _trials(count: int) -> str:
    return "1 trial" if count == 1 else f"{count} trials"


def _cores(count: int) -> str:
    return "1 core" if count == 1 else f"{count} cores"


def _size(count: int) -> str:
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / 2**20:.0f} MiB"
