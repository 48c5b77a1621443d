"""Limits of containers, by made files of /proc and /sys, and by a real group where this user may make one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from amc import cgroups
from tuning.planning.machine_memory import free_memory, total_memory

MIB, GIB = 2**20, 2**30
V2 = "31 23 0:28 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw,nsdelegate"
V1 = """31 23 0:28 / /sys/fs/cgroup ro - tmpfs tmpfs rw
32 31 0:29 {top} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
33 31 0:30 {top} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
34 31 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"""


def machine(root: Path, groups: str, mounts: str, files: Mapping[str, str], *, free: int = 60 * GIB) -> Path:
    """A machine with 64 GiB."""
    meminfo = f"MemTotal: {64 * GIB // 1024} kB\nMemAvailable: {free // 1024} kB\n"
    proc = {"proc/self/cgroup": groups, "proc/self/mountinfo": mounts, "proc/meminfo": meminfo}
    for name, text in (proc | {f"sys/fs/cgroup/{name}": text for name, text in files.items()}).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return root


def test_a_machine_without_limits(tmp_path: Path) -> None:
    root = machine(tmp_path, "0::/", V2, {"memory.stat": "anon 5"})
    assert (total_memory(root), free_memory(root)) == (64 * GIB, 60 * GIB)
    assert cgroups.cpu_quota(root) is None
    assert cgroups.free_processes(root) is None
    assert cgroups.memory_limit(tmp_path / "not linux") is None


def test_page_cache_counts_as_free(tmp_path: Path) -> None:
    """The case of the issue: 2 GiB, of which 1.8 GiB are pages of files that can be dropped."""
    files = {
        "memory.max": str(2 * GIB),
        "memory.current": str(2 * GIB - 7 * MIB),
        "memory.stat": f"anon {150 * MIB}\nfile {1850 * MIB}\nactive_file {800 * MIB}\ninactive_file {1000 * MIB}\n"
        f"shmem {50 * MIB}\nslab_reclaimable {20 * MIB}\nslab_unreclaimable {5 * MIB}",
    }
    root = machine(tmp_path, "0::/", V2, files)
    assert total_memory(root) == 2 * GIB
    assert free_memory(root) == (7 + 800 + 1000 + 20) * MIB


def test_the_machine_may_have_less_than_the_container_allows(tmp_path: Path) -> None:
    files = {"memory.max": str(128 * GIB), "memory.current": str(GIB), "memory.stat": ""}
    root = machine(tmp_path, "0::/", V2, files, free=3 * GIB)
    assert (total_memory(root), free_memory(root)) == (64 * GIB, 3 * GIB)


def test_the_tightest_of_nested_groups_counts(tmp_path: Path) -> None:
    files = {
        "job/memory.max": str(4 * GIB),
        "job/memory.current": str(3 * GIB),
        "job/memory.stat": f"inactive_file {GIB}",
        "job/step/memory.max": "max",
        "job/step/memory.current": str(GIB),
        "job/step/task/memory.max": str(8 * GIB),
        "job/step/task/memory.current": str(GIB),
        "job/cpu.max": "150000 100000",
        "job/step/cpu.max": "max 100000",
        "job/step/task/cpu.max": "400000 100000",
        "job/pids.max": "100",
        "job/pids.current": "90",
        "job/step/task/pids.max": "max",
    }
    root = machine(tmp_path, "0::/job/step/task", V2, files)
    assert (total_memory(root), free_memory(root)) == (4 * GIB, 2 * GIB)
    assert cgroups.cpu_quota(root) == 1.5
    assert cgroups.free_processes(root) == 10


def test_a_soft_limit_is_a_limit(tmp_path: Path) -> None:
    files = {"memory.max": "max", "memory.high": str(GIB), "memory.current": "0"}
    assert total_memory(machine(tmp_path, "0::/", V2, files)) == GIB


@pytest.mark.parametrize("top", ["/", "/docker/0123"])
def test_version_1(top: str, tmp_path: Path) -> None:
    """With a container's own mounts (top) and with the host's."""
    inside = "docker/0123/" if top == "/" else ""
    files = {
        f"memory/{inside}memory.limit_in_bytes": str(2 * GIB),
        f"memory/{inside}memory.usage_in_bytes": str(2 * GIB),
        f"memory/{inside}memory.stat": f"inactive_file 1\ntotal_inactive_file {GIB}\ntotal_active_file {MIB}",
        f"cpu,cpuacct/{inside}cpu.cfs_quota_us": "50000",
        f"cpu,cpuacct/{inside}cpu.cfs_period_us": "100000",
        "memory/memory.limit_in_bytes" if inside else "memory/unused": str(9223372036854771712),
        "cpu,cpuacct/cpu.cfs_quota_us" if inside else "cpu,cpuacct/unused": "-1",
    }
    groups = "4:memory:/docker/0123\n3:cpu,cpuacct:/docker/0123\n0::/"
    root = machine(tmp_path, groups, V1.format(top=top), files)
    assert (total_memory(root), free_memory(root)) == (2 * GIB, GIB + MIB)
    assert cgroups.cpu_quota(root) == 0.5


def test_a_container_that_sees_the_path_of_its_host(tmp_path: Path) -> None:
    files = {"memory/memory.limit_in_bytes": str(GIB), "memory/memory.usage_in_bytes": "0"}
    root = machine(tmp_path, "4:memory:/kubepods/pod7/c1", V1.format(top="/kubepods/pod8"), files)
    assert total_memory(root) == GIB


def test_an_unlimited_group_of_version_1(tmp_path: Path) -> None:
    files = {"memory/memory.limit_in_bytes": "9223372036854771712", "memory/memory.usage_in_bytes": "5"}
    root = machine(tmp_path, "4:memory:/", V1.format(top="/"), files)
    assert (total_memory(root), free_memory(root)) == (64 * GIB, 60 * GIB)


def test_cores_within_a_quota() -> None:
    assert cgroups.whole_cores(8, None) == 8
    assert [cgroups.whole_cores(8, quota) for quota in (0.5, 1.5, 2.0, 16.0)] == [1, 1, 2, 8]


@pytest.fixture
def group() -> Iterator[tuple[Path, Path]]:
    """A real group of version 1: folders of its memory and its CPU controller."""
    folders = [Path(f"/sys/fs/cgroup/{name}/amc-test-{os.getpid()}") for name in ("memory", "cpu")]
    try:
        for folder in folders:
            folder.mkdir()
        (folders[0] / "memory.limit_in_bytes").write_text(str(GIB))
        (folders[1] / "cpu.cfs_quota_us").write_text("100000")
    except OSError as error:
        for folder in folders:
            if folder.is_dir():
                folder.rmdir()
        pytest.skip(f"this user may make no control group of version 1 ({error})")
    yield folders[0], folders[1]
    for folder in folders:
        folder.rmdir()


def test_a_real_group(group: tuple[Path, Path]) -> None:
    code = "from amc.cgroups import *; print(memory_limit(), cpu_quota(), 0 < free_memory() < 2**30)"
    moved = "import os, sys; [open(f'{folder}/cgroup.procs', 'w').write(str(os.getpid())) for folder in sys.argv[1:]]; "
    command = [sys.executable, "-c", moved + code, *map(str, group)]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert done.stdout.split() == [str(GIB), "1.0", "True"], done.stderr
