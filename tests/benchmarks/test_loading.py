"""What the loading benchmark does with times, and that it runs. Its figures are not tested."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from amc.config import configure
from amc.data.clipfile import check
from benchmarks.loading import made_file, summary, taken

ROOT = Path(__file__).resolve().parents[2]


def test_ways_take_turns_and_the_first_round_warms_up() -> None:
    calls: list[tuple[str, int]] = []
    ways = {name: lambda step, name=name: calls.append((name, step)) for name in ("a", "b")}
    seconds = taken(ways, 2)
    assert calls == [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert {name: len(times) for name, times in seconds.items()} == {"a": 2, "b": 2}


def test_summary_by_hand() -> None:
    """The ratio is the median of each step's own: 4, 10 and 5."""
    found = summary({"mapped": [0.001, 0.002, 0.004], "memory": [0.001] * 3, "naive": [0.004, 0.02, 0.02]})
    assert found["ratio"] == pytest.approx(5.0)
    assert found["mapped"] == {"median_ms": pytest.approx(2.0), "p90_ms": pytest.approx(3.6)}
    assert found["naive"] == {"median_ms": pytest.approx(20.0), "p90_ms": pytest.approx(20.0)}


def test_the_made_file_is_one_to_train_on(tmp_path: Path) -> None:
    config = configure("natops", "smoke")
    contents = check(made_file(tmp_path / "made.h5", config, 60), content=True)
    assert contents.shape == (60, config.model.frames, config.model.size, config.model.size)
    assert len(np.unique(contents.label)) == config.dataset.classes
    assert len(np.unique(contents.subject)) > 1


def test_it_runs(tmp_path: Path) -> None:
    options = ["--preset", "smoke", "--clips", "60", "--steps", "2", "--threads", "1", "--json"]
    command = [sys.executable, str(ROOT / "benchmarks" / "loading.py"), *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=200)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["clips"], found["batch"]) == (60, configure("natops", "smoke").training.batch)
    assert found["threads"]["1"]["ratio"] > 0
    assert all(seconds > 0 for seconds in found["load_seconds"].values())
