"""The harness benchmark: what it makes of the trials' diaries, and that it runs. Its figures are not tested."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness_overhead import between_reports, cycles, starts
from benchmarks.harness_trials import METRICS, BenchmarkPlan, bare, diary, metrics

ROOT = Path(__file__).resolve().parents[2]


def line(worker: int, up: float, *reported: float, end: float) -> dict[str, Any]:
    return {"worker": worker, "up": up, "reported": list(reported), "end": end}


DIARY = [
    line(1, 10.0, 11.0, 13.0, end=14.0),
    line(2, 10.0, 12.0, end=15.0),
    line(1, 14.5, 16.0, 16.25, end=18.0),
    line(2, 15.25, 16.0, end=21.0),
    line(1, 20.0, 21.0, end=22.0),
]


def test_times_between_reports_are_those_of_one_trial() -> None:
    assert between_reports(DIARY) == [2.0, 0.25]


def test_a_trial_follows_the_last_one_of_its_worker() -> None:
    assert starts(DIARY) == [0.5, 0.25, 2.0]
    assert cycles(DIARY) == [4.0, 6.0, 4.0]


def test_a_bare_trial_writes_its_diary(tmp_path: Path) -> None:
    plan = BenchmarkPlan(trials=2, reports=3, workers=1, units=1, history=0, diary=str(tmp_path / "diary.jsonl"))
    assert BenchmarkPlan.loads(plan.dumps()) == plan
    assert bare(plan) == 0
    lines = diary(plan)
    assert [len(one["reported"]) for one in lines] == [3, 3]
    for one in lines:
        times = [one["up"], *one["reported"], one["end"]]
        assert times == sorted(times)
    assert len(cycles(lines)) == 1


def test_a_report_is_of_the_size_that_is_said() -> None:
    assert len(metrics(1)) == METRICS
    assert 0 < metrics(1)["val/accuracy"] < metrics(2)["val/accuracy"] < 1


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_it_runs() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "harness_overhead.py"), "--quick", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=1700)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for row in (found["report"]["wall_ms"], found["start"]["seconds"]):
        assert row["ratio"]["median"] == pytest.approx(row["peer"]["median"] / row["ours"]["median"])
        assert row["ours"]["median"] > 0
    part = found["efficiency"]
    assert part["efficiency"]["median"] == pytest.approx(part["bare"]["median"] / part["harness"]["median"])
