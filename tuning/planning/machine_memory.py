"""Main memory of this machine, within the limits of its container."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from amc import cgroups


def total_memory(root: Path = cgroups.ROOT) -> int:
    """Bytes of main memory of this machine, or of the container if that has less.

    Args:
        root: folder that holds `proc` and `sys`.
    """
    found = meminfo(root).get("MemTotal", os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    limit = cgroups.memory_limit(root)
    return found if limit is None else min(found, limit)


def free_memory(root: Path = cgroups.ROOT) -> int:
    """Bytes of main memory that can be allocated without swapping; the page cache counts as free."""
    found = meminfo(root).get("MemAvailable", total_memory(root))
    free = cgroups.free_memory(root)
    return found if free is None else min(found, free)


def meminfo(root: Path = cgroups.ROOT) -> Mapping[str, int]:
    """The sizes in /proc/meminfo, in bytes; empty on other systems than Linux."""
    try:
        rows = [line.split() for line in (root / "proc/meminfo").read_text().splitlines()]
    except OSError:
        return {}
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows if len(row) == 3 and row[2] == "kB"}
