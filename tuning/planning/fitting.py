"""How many trials at once, where the user did not say: measured memory, packed; and each trial's share of memory."""

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
from tuning.planning.packing import Machine, Packing, packed, share
from tuning.planning.probe import Peak, peak
from tuning.planning.workload import shape
from tuning.search.space import Parameter
from tuning.workers.job import TrialSettings
from tuning.workers.resources import Resources, cores

Measure = Callable[[Config, TrialSettings, Resources], Peak]
_GROWING = ("model.", "training.batch", "readings.centres")  # settings of which more takes more memory


@dataclass(frozen=True)
class Asked:
    """What of the resources the user named."""

    workers: bool
    cpus: bool
    gpus: bool


def fitted(
    wanted: Resources,
    asked: Asked,
    *,
    config: Config,
    fingerprint: str,
    settings: TrialSettings,
    devices: int,
    measure: Measure = peak,
) -> Packing:
    """Resources with a memory cap, packed by measured memory where neither workers nor a share of a GPU was asked for.

    The measurement, of a second or two and the imports, is cached by all that it depends on.

    Args:
        config: the largest that trials may have; see `largest`.
        fingerprint: of the data.
        settings: of the study's trials.
        devices: GPUs of this machine.

    Raises:
        UserError: not even one trial fits.
    """
    free = not asked.workers and not asked.gpus
    room = devices > 0 or cores() // wanted.cpus > 1
    if not (free and room) and not 0 < wanted.gpus < 1:
        return Packing(capped(wanted, 0), "")
    found = _cached(config, fingerprint, settings, wanted, measure)
    if not free or not room:
        return Packing(capped(wanted, found.total), "")
    on_device = devices > 0 and found.device is not None
    machine = Machine(cores(), free_memory(), devices if on_device else 0, found.free)
    took = found.device if on_device and found.device is not None else found.host
    packing = packed(
        machine, took, cpus=wanted.cpus if asked.cpus else None, host_peak=found.host if on_device else None
    )
    return replace(packing, resources=capped(packing.resources, found.total))


def capped(wanted: Resources, device_memory: int) -> Resources:
    """Each trial's share of memory: of a GPU that it shares, or of main memory; no cap on whole GPUs.

    Of what the machine has, not of what is free now: whether a trial fails must not depend on who else was there.
    """
    if wanted.gpus:
        shared = wanted.gpus < 1 and device_memory
        return replace(wanted, memory=share(device_memory, int(1 / wanted.gpus + 1e-9)) if shared else None)
    return replace(wanted, memory=share(total_memory(), wanted.workers))


def largest(base: Config, parameters: Sequence[Parameter] = ()) -> Config:
    """The configuration with all switches on and whatever takes memory at the top of its range."""
    changes: dict[str, Any] = {}
    for row in parameters:
        if row.name.startswith("switches."):
            changes[row.name] = True
        elif row.name.startswith(_GROWING):
            changes[row.name] = max(row.choices) if row.choices else row.from_unit(1.0)
    return with_overrides(base, changes)


def _cached(config: Config, fingerprint: str, settings: TrialSettings, wanted: Resources, measure: Measure) -> Peak:
    facts = {
        "version": 1,
        "shape": shape(config),
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


def _read(path: Path) -> Peak | None:
    try:
        return Peak(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
