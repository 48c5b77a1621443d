"""A trial beyond its share of memory fails by itself: a real process, really capped."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tuning.planning.machine_memory import free_memory, meminfo, total_memory
from tuning.workers import memory_cap

ROOT = Path(__file__).resolve().parents[3]
MIB = 2**20

TAKE = """
import sys
import torch
from tuning.workers import memory_cap
from tuning.workers.failures import MEMORY, failure_cause
limit, take = int(sys.argv[1]), int(sys.argv[2])
memory_cap.limit_memory(limit or None)
try:
    kept = [torch.zeros(2**20, dtype=torch.uint8) for _ in range(take)]
except Exception as error:
    print("memory" if failure_cause(error) == MEMORY else repr(error))
else:
    print("fits", len(kept))
"""


def take(limit: int, amount: int) -> str:
    command = [sys.executable, "-c", TAKE, str(limit), str(amount)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_beyond_its_share_a_process_fails_by_itself() -> None:
    assert take(64 * MIB, 200) == "memory"
    assert take(400 * MIB, 200) == "fits 200"
    assert take(0, 200) == "fits 200"


def test_no_limit_changes_nothing() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    memory_cap.limit_memory(None)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_on_a_gpu_it_is_a_fraction(monkeypatch: pytest.MonkeyPatch) -> None:
    class Card:
        total_memory = 24 * 2**30

    asked: list[float] = []
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda device: Card())
    monkeypatch.setattr("torch.cuda.set_per_process_memory_fraction", asked.append)
    memory_cap.limit_memory(6 * 2**30)
    memory_cap.limit_memory(48 * 2**30)
    assert asked == [0.25, 1.0]


def test_what_the_machine_has(tmp_path: Path) -> None:
    assert 0 < free_memory() <= total_memory()
    account = tmp_path / "proc" / "meminfo"
    account.parent.mkdir()
    account.write_text("MemTotal:       1000 kB\nMemAvailable:    250 kB\nHugePages_Total:       0\n")
    assert meminfo(tmp_path) == {"MemTotal": 1_024_000, "MemAvailable": 256_000}
    assert meminfo(tmp_path / "nowhere") == {}
