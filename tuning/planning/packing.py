"""How many trials fit on a machine at the same time, from the peak memory of one. Arithmetic only."""

from __future__ import annotations

from dataclasses import dataclass

from amc.errors import UserError
from tuning.workers.resources import Resources

MARGIN = 0.1  # of memory that is kept free: allocators fragment, and peaks vary a little
GIB = 2**30


@dataclass(frozen=True)
class Capacity:
    """What a machine offers.

    Attributes:
        cores: CPU cores.
        memory: free bytes of main memory.
        devices: number of GPUs.
        device_memory: free bytes of the GPU that has the fewest.
    """

    cores: int
    memory: int
    devices: int = 0
    device_memory: int = 0


@dataclass(frozen=True)
class Packing:
    """Resources of trials, and a line that explains the choice to the user; empty if there was no choice."""

    resources: Resources
    line: str = ""


def pack(machine: Capacity, *, host: int, device: int | None = None, cpus: int | None = None) -> Packing:
    """As many parallel trials as memory and cores allow.

    A GPU is shared by k trials if k times their peak memory and the margin fit into it; each then requests 1/k GPU.

    Args:
        host, device: peak bytes of a trial, of main memory and of a GPU; trials run on GPUs if `device` is given.
        cpus: cores per trial; by default one core, or an even share if memory allows fewer trials than there are cores.

    Raises:
        UserError: Not even one trial fits.
    """
    most = min(_fitting(machine.memory, host, "main memory"), machine.cores // (cpus or 1))
    if device is None:
        workers = max(1, most)
        cpus = cpus or max(1, machine.cores // workers)
        why = f"a step takes {_size(host)}, {_size(machine.memory)} are free, {_count(machine.cores, 'core')}"
        line = f"{_count(workers, 'trial')} in parallel with {_count(cpus, 'core')} each: {why}"
        return Packing(Resources(workers, cpus, 0.0), line)
    fits = _fitting(machine.device_memory, device, "GPU memory")
    # Never more on one GPU than the cores can feed if the trials were spread over all GPUs.
    each = max(1, min(fits, most // machine.devices))
    workers = min(each * machine.devices, most)
    cpus = cpus or max(1, machine.cores // workers)
    why = f"a step takes {_size(device)} of GPU memory, {_size(machine.device_memory)} are free"
    gpus = f"{each} on each of {machine.devices} GPUs" if machine.devices > 1 else "on one GPU"
    line = f"{_count(workers, 'trial')} in parallel, {gpus}: {why}, {_count(machine.cores, 'core')}"
    return Packing(Resources(workers, cpus, 1 / each), line)


def memory_share(total: int, trials: int) -> int:
    """Bytes that each of several trials may take, with the margin left free."""
    return int(total * (1 - MARGIN)) // max(1, trials)


def _fitting(free: int, peak: int, what: str) -> int:
    count = int(free * (1 - MARGIN)) // max(1, peak)
    if count < 1:
        raise UserError(
            f"a training step takes {_size(peak)} of {what}, of which {_size(free)} are free: choose a smaller preset "
            "or a smaller batch (training.batch under [fixed] in a --space file)"
        )
    return count


def _count(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


def _size(count: int) -> str:
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / 2**20:.0f} MiB"
