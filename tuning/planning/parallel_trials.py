"""How many trials run in parallel, from the measured peak memory of one, and how much memory each may take."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from amc.cache import cache_dir, make_once
from amc.config import Config, with_overrides
from amc.errors import UserError
from amc.processes import cores
from analysis.tables.layout.cells import plural
from tuning.engine.machine_facts import machine_facts
from tuning.planning.machine_memory import free_memory, total_memory
from tuning.planning.probe import ProbeResult, run_probe
from tuning.planning.workload import step_shape
from tuning.search.space import Parameter
from tuning.workers.job import TrialSettings
from tuning.workers.resources import Resources

MARGIN = 0.1  # of memory that is kept free: allocators fragment, and peaks vary a little
GIB = 2**30
_MORE_MEMORY = ("model.", "training.batch", "readings.centres")  # parameters that take more memory as they grow


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


def choose_resources(
    wanted: Resources,
    *,
    open_choice: bool,
    cpus: int | None,
    config: Config,
    fingerprint: str,
    settings: TrialSettings,
    devices: int,
) -> tuple[Resources, str]:
    """The resources of trials with their memory caps, and a line that explains the choice; empty if there was none.

    The measurement that a choice needs takes seconds and is cached.

    Args:
        wanted: resources as given on the command line, with defaults for what was not.
        open_choice: the user gave neither the number of workers nor the GPUs per trial.
        cpus: CPU cores per trial that the user gave, if any.
        config: the configuration that takes the most memory; see `largest_config`.
        fingerprint: of the data.
        settings: of the study's trials.
        devices: number of GPUs of this machine.

    Raises:
        UserError: Not even one trial fits.
    """
    open_choice = open_choice and (devices > 0 or cores() // wanted.cpus > 1)
    if not open_choice and not 0 < wanted.gpus < 1:
        return with_memory_cap(wanted, 0), ""
    peak = _cached_probe(config, fingerprint, settings, wanted)
    line = ""
    if open_choice:
        machine = Capacity(cores(), free_memory(), devices if peak.device else 0, peak.device_free)
        wanted, line = pack(machine, host=peak.host, device=peak.device, cpus=cpus)
    return with_memory_cap(wanted, peak.device_total), line


def pack(machine: Capacity, *, host: int, device: int = 0, cpus: int | None = None) -> tuple[Resources, str]:
    """As many parallel trials as memory and cores allow, and a line that explains it.

    A GPU is shared by k trials if k times their peak memory and the margin fit into it; each then requests 1/k GPU.

    Args:
        host, device: peak bytes of a trial, of main memory and of a GPU; trials run on GPUs if the machine has any.
        cpus: cores per trial; by default one core, or an even share if memory allows fewer trials than there are cores.

    Raises:
        UserError: Not even one trial fits.
    """
    most = min(_fitting(machine.memory, host, "main memory"), machine.cores // (cpus or 1))
    if not machine.devices:
        workers = max(1, most)
        cpus = cpus or max(1, machine.cores // workers)
        why = f"a trial needs {_size(host)} at its peak, {_size(machine.memory)} are free"
        line = f"{plural(workers, 'trial')} in parallel with {plural(cpus, 'core')} each: {why}"
        return Resources(workers, cpus, 0.0), f"{line}, {plural(machine.cores, 'core')}"
    # Never more on one GPU than the cores can feed if the trials were spread over all GPUs.
    each = max(1, min(_fitting(machine.device_memory, device, "GPU memory"), most // machine.devices))
    workers = min(each * machine.devices, most)
    cpus = cpus or max(1, machine.cores // workers)
    why = f"a trial needs {_size(device)} of GPU memory at its peak, {_size(machine.device_memory)} are free"
    gpus = f"{each} on each of {machine.devices} GPUs" if machine.devices > 1 else "on one GPU"
    line = f"{plural(workers, 'trial')} in parallel, {gpus}: {why}, {plural(machine.cores, 'core')}"
    return Resources(workers, cpus, 1 / each), line


def with_memory_cap(wanted: Resources, device_memory: int) -> Resources:
    """The resources with each trial's share of memory: of a shared GPU, or of main memory. A whole GPU has no cap.

    It is a share of what the machine has, not of what is free: whether a trial fails must not depend on other programs.

    Args:
        device_memory: bytes of a GPU.
    """
    if wanted.gpus:
        shared = wanted.gpus < 1 and device_memory
        return replace(wanted, memory=_share(device_memory, int(1 / wanted.gpus + 1e-9)) if shared else None)
    return replace(wanted, memory=_share(total_memory(), wanted.workers))


def largest_config(base: Config, parameters: Sequence[Parameter] = ()) -> Config:
    """The configuration of a search space that takes the most memory: all switches on, sizes at their maximum.

    Integers of a method's own settings are taken to be sizes.
    """
    changes: dict[str, Any] = {}
    for row in parameters:
        if row.name.startswith("switches."):
            changes[row.name] = True
        elif row.name.startswith(_MORE_MEMORY) or (row.name.startswith("method.") and row.kind == "int"):
            changes[row.name] = max(row.choices) if row.choices else row.from_unit(1.0)
    return with_overrides(base, changes)


def _cached_probe(config: Config, fingerprint: str, settings: TrialSettings, wanted: Resources) -> ProbeResult:
    facts = {
        "version": 3,
        "shape": step_shape(config),
        "fingerprint": fingerprint,
        "threads": wanted.cpus,
        "torch": torch.__version__,
        "device": machine_facts(1.0)["device"],
    }
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def make(partial: Path) -> None:
        partial.write_text(json.dumps(asdict(run_probe(config, settings, wanted, seconds=0.0))), encoding="utf-8")

    path = make_once(cache_dir() / "peaks" / f"{key}.json", make, usable=lambda path: _read(path) is not None)
    return _read(path) or run_probe(config, settings, wanted, seconds=0.0)


def _read(path: Path) -> ProbeResult | None:
    try:
        return ProbeResult(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _share(total: int, trials: int) -> int:
    """Bytes that each of several trials may take, with the margin left free."""
    return int(total * (1 - MARGIN)) // max(1, trials)


def _fitting(free: int, peak: int, what: str) -> int:
    count = int(free * (1 - MARGIN)) // max(1, peak)
    if count < 1:
        raise UserError(
            f"a trial needs {_size(peak)} of {what} at its peak, of which {_size(free)} are free: choose a smaller "
            "preset or a smaller batch (training.batch under [fixed] in a --space file)"
        )
    return count


def _size(count: int) -> str:
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / 2**20:.0f} MiB"
