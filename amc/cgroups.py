"""Limits of the container that this process runs in: control groups of Linux, version 1 and 2.

Groups are nested, and each level may set a limit, so the tightest one counts. See cgroups(7) in the Linux manual.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")
_UNLIMITED = 2**60  # version 1 has no word for "no limit": its largest number is about 2**63
# Pages that the kernel gives back when memory is needed.
_RECLAIMABLE = (
    ("active_file", "inactive_file", "slab_reclaimable"),
    ("total_active_file", "total_inactive_file"),
)


def memory_limit(root: Path = ROOT) -> int | None:
    """Bytes of memory that the container may use; None without a limit.

    Args:
        root: folder that holds `proc` and `sys`.
    """
    limits = (_memory_limit(version, folder) for version, folder in _groups("memory", root))
    return min((limit for limit in limits if limit is not None), default=None)


def free_memory(root: Path = ROOT) -> int | None:
    """Bytes of memory that the container may still use; None without a limit.

    The page cache counts as free, because the kernel shrinks it when memory is needed.
    """
    found = []
    for version, folder in _groups("memory", root):
        limit = _memory_limit(version, folder)
        used = _number(folder / ("memory.current" if version == 2 else "memory.usage_in_bytes"))
        if limit is not None and used is not None:
            stat = _table(folder / "memory.stat")
            found.append(limit - used + sum(stat.get(name, 0) for name in _RECLAIMABLE[2 - version]))
    return max(0, min(found)) if found else None


def cpu_quota(root: Path = ROOT) -> float | None:
    """CPU cores whose time the container may use, such as 1.5; None without a limit."""
    found = []
    for version, folder in _groups("cpu", root):
        if version == 2:
            quota, _, period = (_text(folder / "cpu.max") or "max").partition(" ")
        else:
            quota, period = (_text(folder / f"cpu.cfs_{name}_us") or "" for name in ("quota", "period"))
        if quota.isdigit() and period.isdigit() and int(period):  # -1 and max mean no limit
            found.append(int(quota) / int(period))
    return min(found, default=None)


def free_processes(root: Path = ROOT) -> int | None:
    """How many more processes and threads the container may start; None without a limit."""
    found = []
    for _, folder in _groups("pids", root):
        limit, used = _number(folder / "pids.max"), _number(folder / "pids.current")
        if limit is not None and used is not None:
            found.append(limit - used)
    return max(0, min(found)) if found else None


def whole_cores(cores: int, quota: float | None) -> int:
    """Cores that can be kept busy, at least 1: no more than the quota pays for."""
    return cores if quota is None else max(1, min(cores, math.floor(quota + 1e-6)))


def _memory_limit(version: int, folder: Path) -> int | None:
    if version == 2:
        # Above memory.high the kernel slows the processes down until they have given memory back.
        limits = [_number(folder / "memory.max"), _number(folder / "memory.high")]
    else:
        limits = [_number(folder / "memory.limit_in_bytes")]
    return min((limit for limit in limits if limit is not None and limit < _UNLIMITED), default=None)


def _groups(controller: str, root: Path) -> Iterator[tuple[int, Path]]:
    """(version, folder) of this process's group and of all groups around it."""
    paths = dict[str, str]()  # by controller; "" is version 2
    for line in (_text(root / "proc/self/cgroup") or "").splitlines():
        _, names, path = line.split(":", 2)
        paths |= dict.fromkeys(names.split(","), path)
    for line in (_text(root / "proc/self/mountinfo") or "").splitlines():
        fields, _, rest = line.partition(" - ")
        kind, _, options = [*rest.split(maxsplit=2), "", ""][:3]
        version = {"cgroup": 1, "cgroup2": 2}.get(kind, 0)
        name = controller if version == 1 else ""
        if not version or name not in paths or (version == 1 and controller not in options.split(",")):
            continue
        top, mount = fields.split()[3:5]
        mounted = root / mount.lstrip("/")
        # In a container the path may be that of the host, of which nothing above the container is mounted.
        inside = Path(paths[name]).relative_to(top) if Path(paths[name]).is_relative_to(top) else Path()
        for folder in (mounted / inside, *(mounted / inside).parents):
            if not folder.is_relative_to(mounted):
                break
            yield version, folder


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text is not None and text.isdigit() else None  # "max" means no limit


def _table(path: Path) -> dict[str, int]:
    rows = (line.split() for line in (_text(path) or "").splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}
