"""The benchmark of the preference server: its percentiles, and that it counts answers. Its figures are not tested."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.preference_server import percentiles
from tests.analysis.preference.served_study import make_study

ROOT = Path(__file__).resolve().parents[2]


def test_percentiles_by_hand() -> None:
    assert percentiles([float(value) for value in range(101)]) == {"p50": 50, "p95": 95, "p99": 99, "max": 100}


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "benchmarks" / "preference_server.py", *arguments]
    return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120, check=False)


def test_no_answer_is_lost_or_doubled(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", raters=3)
    before = sorted(path.name for path in study.iterdir())
    done = run(study, "--raters", 3, "--answers", 4, "--wait", 0, 0.01)
    assert done.returncode == 0, done.stderr
    for found in json.loads(done.stdout):
        counted = {key: found[key] for key in ("raters", "answers", "lost", "doubled", "failed_raters")}
        assert counted == {"raters": 3, "answers": 12, "lost": 0, "doubled": 0, "failed_raters": 0}
    assert sorted(path.name for path in study.iterdir()) == before


def test_too_few_raters_are_one_line(tmp_path: Path) -> None:
    done = run(make_study(tmp_path / "study", raters=3), "--raters", 4)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "has 3 raters, fewer than 4" in done.stderr
