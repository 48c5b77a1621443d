"""The benchmarks run, at the smallest preset, and print what they say they print. Their figures are not tested."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(script: str, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, str(ROOT / "benchmarks" / script), "--preset", "smoke", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=200)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_training_step(precision: str) -> None:
    found = run("training_step.py", "--pairs", "1", "--precision", precision, "--threads", "1")
    assert found["precision"] == precision
    assert found["pairs"] == len(found["ratios"]) == 1
    assert found["ratio"] == pytest.approx(found["seconds"]["literal"] / found["seconds"]["production"])
    # The rewrites leave less to multiply, whatever the clock of a busy machine says.
    assert found["macs"]["production"] < found["macs"]["literal"]
    share = found["macs"]["production"] / found["seconds"]["production"] / found["matrix_macs_per_second"]
    assert found["matrix_share"] == pytest.approx(share)
    assert found["memory_ratio"] == pytest.approx(
        found["memory_bytes"]["production"] / found["memory_bytes"]["literal"]
    )


def test_step_scaling() -> None:
    found = run("step_scaling.py", "--frames", "8", "12", "--batches", "2", "4", "--rounds", "1", "--threads", "1")
    assert found["frames"]["sizes"] == [8, 12]
    assert found["batch"]["sizes"] == [2, 4]
    for name in ("frames", "batch"):
        assert all(seconds > 0 for seconds in found[name]["seconds"])
    assert 0 < found["data"]["share"] < 1


def test_overfitting() -> None:
    found = run("overfitting.py", "--method", "adv_gdl", "--steps", "40", "--every", "20")
    assert (found["method"], found["preset"], found["clips"]) == ("adv_gdl", "smoke", 4)
    assert list(found["gains"]) == ["20", "40"]
    assert found["gains"]["40"] > found["gains"]["20"]


def test_overfitting_with_an_unknown_method() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "overfitting.py"), "--preset", "smoke", "--method", "none"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=200)
    assert done.returncode == 2
    assert "error: unknown method 'none'" in done.stderr
    assert "Traceback" not in done.stderr
