"""Main memory of this machine, within the limits of its container (cgroup version 2)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def total_memory() -> int:
    """Bytes of main memory of this machine, or of the container if that has less."""
    found = meminfo().get("MemTotal", os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    limit = _cgroup("memory.max")
    return found if limit is None else min(found, limit)


def free_memory() -> int:
    """Bytes of main memory that can be allocated without swapping."""
    found = meminfo().get("MemAvailable", total_memory())
    limit, used = _cgroup("memory.max"), _cgroup("memory.current")
    return found if limit is None or used is None else max(0, min(found, limit - used))


def meminfo(path: Path = _MEMINFO) -> Mapping[str, int]:
    """The sizes in /proc/meminfo, in bytes; empty on other systems than Linux."""
    try:
        rows = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return {}
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows if len(row) == 3 and row[2] == "kB"}


def _cgroup(name: str) -> int | None:
    try:
        text = (_CGROUP / name).read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None  # "max" means no limit
