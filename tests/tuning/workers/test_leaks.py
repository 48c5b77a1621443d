"""Trials that run one after the other on one Ray worker: whatever one does to its process, the next finds it as new."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.record.reading import RecordReader
from tests.tuning import toy_leaks

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_no_state_reaches_the_next_trial(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.tuning.toy_leaks", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    with RecordReader(tmp_path / "leaks" / "record.db") as records:
        states = {row.number: (row.state, row.attempts) for row in records.trials("leaks")}
    ends = {"returns": ("COMPLETE", 1), "raises": ("FAILED", 1), "stopped": ("PRUNED", 1)}
    died = ("COMPLETE", 2)  # its second attempt is quiet
    assert states == {
        **{n: ends.get(end, died) for n, end in enumerate(toy_leaks.ENDS)},
        len(states) - 1: ("COMPLETE", 1),
    }

    seen = [json.loads(line) for line in (tmp_path / "seen.jsonl").read_text().splitlines()]
    assert len(seen) == sum(attempts for _, attempts in states.values())
    who = [(one.pop("key"), one.pop("attempt")) for one in seen]
    assert len({one["server"] for one in seen}) == 1  # else the trials would not have shared anything
    for which, one in zip(who[1:], seen[1:], strict=True):
        differs = {name: (seen[0][name], value) for name, value in one.items() if value != seen[0][name]}
        assert not differs, which


def test_the_trials_spoil_all_that_is_looked_at(tmp_path: Path) -> None:
    """Else the test above could not fail: in one process the second look differs in every respect."""
    script = f"""
import json
from pathlib import Path
from tests.tuning.toy_leaks import found, spoil
first = found()
spoil(Path({str(tmp_path)!r}))
second = found()
print(json.dumps([name for name in first if first[name] == second[name]]))
"""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["server"]
