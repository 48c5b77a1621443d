"""Resources of trials: how many run in parallel if the user leaves that open, and how much memory each may take."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from amc.cache import cache_dir, make_once
from amc.config import Config, with_overrides
from tuning.engine.machine_facts import machine_facts
from tuning.planning.machine_memory import free_memory, total_memory
from tuning.planning.packing import Capacity, Packing, memory_share, pack
from tuning.planning.probe import PeakMemory, measure_memory
from tuning.planning.workload import step_shape
from tuning.search.space import Parameter
from tuning.workers.job import TrialSettings
from tuning.workers.resources import Resources, cores

Measure = Callable[[Config, TrialSettings, Resources], PeakMemory]
_MORE_MEMORY = ("model.", "training.batch", "readings.centres")  # parameters that take more memory as they grow


@dataclass(frozen=True)
class RequestedResources:
    """Which resources the user gave on the command line."""

    workers: bool
    cpus: bool
    gpus: bool


def fit_resources(
    wanted: Resources,
    requested: RequestedResources,
    *,
    config: Config,
    fingerprint: str,
    settings: TrialSettings,
    devices: int,
    measure: Measure = measure_memory,
) -> Packing:
    """Packs trials by measured memory if the user gave neither workers nor GPUs per trial, and caps their memory.

    The measurement takes seconds and is cached.

    Args:
        wanted: resources as given on the command line, with defaults for what was not.
        config: the configuration that takes the most memory; see `largest_config`.
        fingerprint: of the data.
        settings: of the study's trials.
        devices: number of GPUs of this machine.

    Raises:
        UserError: Not even one trial fits.
    """
    on_gpus = devices > 0
    pack_trials = not requested.workers and not requested.gpus and (on_gpus or cores() // wanted.cpus > 1)
    if not pack_trials and not 0 < wanted.gpus < 1:
        return Packing(with_memory_cap(wanted, 0))
    peak = _cached_peak(config, fingerprint, settings, wanted, measure)
    if not pack_trials:
        return Packing(with_memory_cap(wanted, peak.total))
    device = peak.device if on_gpus else None
    machine = Capacity(cores(), free_memory(), devices if device is not None else 0, peak.free)
    packing = pack(machine, host=peak.host, device=device, cpus=wanted.cpus if requested.cpus else None)
    return replace(packing, resources=with_memory_cap(packing.resources, peak.total))


def with_memory_cap(wanted: Resources, device_memory: int) -> Resources:
    """The resources with each trial's share of memory: of a shared GPU, or of main memory. A whole GPU has no cap.

    It is a share of what the machine has, not of what is free: whether a trial fails must not depend on other programs.

    Args:
        device_memory: bytes of a GPU.
    """
    if wanted.gpus:
        shared = wanted.gpus < 1 and device_memory
        return replace(wanted, memory=memory_share(device_memory, int(1 / wanted.gpus + 1e-9)) if shared else None)
    return replace(wanted, memory=memory_share(total_memory(), wanted.workers))


def largest_config(base: Config, parameters: Sequence[Parameter] = ()) -> Config:
    """The configuration of a search space that takes the most memory: all switches on, sizes at their maximum."""
    changes: dict[str, Any] = {}
    for row in parameters:
        if row.name.startswith("switches."):
            changes[row.name] = True
        elif row.name.startswith(_MORE_MEMORY):
            changes[row.name] = max(row.choices) if row.choices else row.from_unit(1.0)
    return with_overrides(base, changes)


def _cached_peak(
    config: Config, fingerprint: str, settings: TrialSettings, wanted: Resources, measure: Measure
) -> PeakMemory:
    facts = {
        "version": 2,
        "shape": step_shape(config),
        "fingerprint": fingerprint,
        "threads": wanted.cpus,
        "torch": torch.__version__,
        "device": machine_facts(1.0)["device"],
    }
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def make(partial: Path) -> None:
        partial.write_text(json.dumps(asdict(measure(config, settings, wanted))), encoding="utf-8")

    path = make_once(cache_dir() / "peaks" / f"{key}.json", make, usable=lambda path: _read(path) is not None)
    found = _read(path)
    return measure(config, settings, wanted) if found is None else found


def _read(path: Path) -> PeakMemory | None:
    try:
        return PeakMemory(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
