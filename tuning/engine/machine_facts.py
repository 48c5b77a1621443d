"""The machine that a study runs on, as text for tags and tables."""

from __future__ import annotations

import platform
import socket
from pathlib import Path

import torch


def machine_facts(gpus: float) -> dict[str, str]:
    """The name of this host, and the device that trials run on.

    Args:
        gpus: GPUs per trial; 0 means that trials run on the CPU.
    """
    return {"host": socket.gethostname(), "device": _gpus() if gpus and torch.cuda.is_available() else _cpu()}


def _gpus() -> str:
    names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return ", ".join(f"{names.count(name)} x {name}" for name in dict.fromkeys(names))


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, "") or platform.processor() or platform.machine()
