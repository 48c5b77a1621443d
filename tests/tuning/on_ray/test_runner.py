"""Studies of toy trials on Ray Tune: killed, interrupted, and gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from amc.errors import UserError
from amc.evaluation.score_sheet import ScoreSheet
from amc.processes import cores
from analysis.record.connection.lock import study_lock
from analysis.record.reading import RecordReader
from analysis.record.rows import TrialRow
from analysis.record.states import COMPLETE, ENDED, RUNNING
from tests.tuning import toy_trials
from tuning.tracking.store import default_store, open_store
from tuning.workers.resources import machine_resources

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.filterwarnings("default")  # MLflow's own


def start(folder: Path, trials: int, **settings: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.tuning.toy_study", str(folder), str(trials), json.dumps(settings)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, errors = process.communicate(timeout=300)
    return process.returncode, errors


def wait(process: subprocess.Popen[str], folder: Path, when: Callable[[list[TrialRow]], bool]) -> None:
    """Until the record is so, read from outside as `python -m tuning status` does."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        assert process.poll() is None, process.stderr and process.stderr.read()
        try:
            with RecordReader(folder / "toy" / "record.db") as records:
                if when(records.trials("toy")):
                    return
        except UserError:
            pass  # it is not there yet
        time.sleep(0.05)
    raise AssertionError("the study does not get there")


def tracked(folder: Path) -> list[Any]:
    client = open_store(default_store(folder), folder)
    place = client.get_experiment_by_name("toy")
    assert place is not None
    return list(client.search_runs([place.experiment_id]))


def on_record(folder: Path) -> list[TrialRow]:
    with RecordReader(folder / "toy" / "record.db") as records:
        return records.trials("toy")


def exactly_once(folder: Path, trials: int) -> dict[str, TrialRow]:
    """What the contract promises, whatever happened on the way."""
    with RecordReader(folder / "toy" / "record.db") as records:
        rows = records.trials("toy")
        curves = records.curves("toy")
    searched = [row for row in rows if row.role == "trial"]
    assert [row.key for row in searched] == [f"trial-{number:04d}" for number in range(trials)]
    assert {row.state for row in rows} <= set(ENDED)
    for row in rows:
        assert list(curves[row.key]) == list(range(5, row.step + 1, 5)), row.key
    runs = tracked(folder)
    roles = [run.data.tags["amc.role"] for run in runs]
    assert (roles.count("trial"), roles.count("study"), roles.count("confirm")) == (trials, 1, 1)
    status = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAILED": "FAILED"}
    client = open_store(default_store(folder), folder)
    for run in runs:
        if run.data.tags["amc.role"] == "study":
            assert run.info.status == "FINISHED"
            continue
        row = next(row for row in rows if row.key == run.data.tags["amc.trial_key"])
        assert run.info.status == status[row.state]
        history = client.get_metric_history(run.info.run_id, "val/accuracy")
        assert sorted(metric.step for metric in history) == list(curves[row.key])
    return {row.key: row for row in rows}


@pytest.mark.slow
def test_a_killed_driver_and_dying_workers(tmp_path: Path) -> None:
    """kill -9 of the driver with trials done and trials under way; besides, every first attempt dies at step 12."""
    settings = {"pause": 0.06, "dies_at": 12, "deaths": 1, "clips": 5_000}
    process = start(tmp_path, 6, **settings)

    def in_the_middle(trials: list[TrialRow]) -> bool:
        return any(t.state in ENDED for t in trials) and any(t.state == RUNNING and t.step for t in trials)

    wait(process, tmp_path, in_the_middle)
    with pytest.raises(UserError, match=f"process {process.pid} on "), study_lock(tmp_path / "toy" / ".lock", "toy"):
        pass
    process.kill()
    process.communicate()
    with RecordReader(tmp_path / "toy" / "record.db") as records:
        done = {trial.key: trial for trial in records.trials("toy") if trial.state in ENDED}
    assert done
    code, errors = end(start(tmp_path, 6, **settings))  # at once, while the old workers may still be there
    assert code == 0, errors
    rows = exactly_once(tmp_path, 6)
    for key, trial in done.items():
        assert (rows[key].attempts, rows[key].ended) == (trial.attempts, trial.ended)
    assert rows["confirm-0000"].attempts == 2
    assert not any("leaked" in row.reason for row in rows.values())
    lines = errors.strip().splitlines()
    assert len(lines) <= 2 * len(rows) + 2, errors  # at most two a trial
    summary = json.loads((tmp_path / "toy" / "summary.json").read_text())
    assert all(trial["mlflow_run_id"] for trial in summary["trials"])
    assert len(list((tmp_path / "toy" / "checkpoints").iterdir())) <= 3
    with RecordReader(tmp_path / "toy" / "record.db") as records:  # sheets of 100 kB, which came by way of Tune
        sheets = {key: row.sheet for key, row in records.score_sheets("toy").items()}
    assert sheets == {
        key: ScoreSheet.from_dict(toy_trials.sheet(5_000)) for key, row in rows.items() if row.state == COMPLETE
    }


@pytest.mark.slow
def test_a_time_budget_and_then_ctrl_c_and_then_the_rest(tmp_path: Path) -> None:
    """Trials save where they are when the time is used up and at SIGINT; the same command then resumes them.

    SIGTERM does what SIGINT does: see `faults/test_interrupt.py`.
    """
    budget, pause = 60.0, 4.0
    code, errors = end(start(tmp_path, 4, pause=pause, seconds=budget))
    trials = on_record(tmp_path)
    assert trials, errors
    assert {trial.state for trial in trials} <= {"WAITING", *ENDED}
    assert any(trial.state == "WAITING" for trial in trials)
    # Two at once, each with a step under way when the time was up.
    assert sum(trial.step for trial in trials) <= 2 * (budget / pause + 2)
    assert "the time budget is used up" in errors
    assert code == (0 if any(trial.state == COMPLETE for trial in trials) else 3)

    steps = sum(trial.step for trial in trials)
    process = start(tmp_path, 4, pause=0.3)
    wait(process, tmp_path, lambda trials: sum(trial.step for trial in trials) > steps)
    process.send_signal(signal.SIGINT)
    code, errors = end(process)
    assert code == 130, errors
    # One of the two may have fallen behind at the first rung before the signal came.
    assert {trial.state for trial in on_record(tmp_path)} - {"PRUNED"} == {"WAITING"}
    assert {run.info.status for run in tracked(tmp_path)} - {"KILLED"} == {"SCHEDULED"}

    code, errors = end(start(tmp_path, 4))
    assert code == 0, errors
    rows = exactly_once(tmp_path, 4)
    assert " resumes from step " in errors
    assert COMPLETE in {row.state for row in rows.values()}
    executed = (tmp_path / "toy" / "steps.txt").read_text().split()
    for key, row in rows.items():
        # None is executed twice and none left out. A trial that was stopped shortly after a rung may be pruned at it on
        # resuming, because others have passed it since: it has executed steps beyond that of the rung.
        mine = [int(one.partition(":")[2]) for one in executed if one.startswith(f"{key}:")]
        assert mine == list(range(1, len(mine) + 1)), errors
        assert len(mine) == row.step or (row.state == "PRUNED" and row.step < len(mine) < row.step + 5), errors


@pytest.mark.slow
def test_a_trial_out_of_memory_gets_the_whole_device(tmp_path: Path) -> None:
    """Two trials share a GPU; the one that ran out of memory comes again when the other has left it."""
    code, errors = end(start(tmp_path, 4, gpus=0.5, pause=0.1, hungry=["trial-0001"]))
    assert code == 0, errors
    rows = exactly_once(tmp_path, 4)
    alone = rows["trial-0001"]
    assert (alone.alone, alone.attempts) == (True, 2)
    assert alone.state != "FAILED"
    for other in rows.values():
        if other.key != alone.key:
            assert None not in (other.started, other.ended, alone.started, alone.ended)
            assert other.ended <= alone.started or alone.ended <= other.started, other.key


def test_resources_that_no_machine_has() -> None:
    have = cores()
    with pytest.raises(UserError, match=f"this machine has {have} CPU cores"):
        machine_resources(None, have + 1, None, devices=0)
    with pytest.raises(UserError, match="this machine has 0 GPUs"):
        machine_resources(None, None, 1, devices=0)
    with pytest.raises(UserError, match=f"room for {have} such trials"):
        machine_resources(have + 1, 1, 0, devices=0)
    with pytest.raises(UserError, match="a fraction below 1"):
        machine_resources(1, 1, 1.5, devices=4)


def test_resources_that_are_chosen() -> None:
    have = cores()
    assert machine_resources(None, None, None, devices=0).workers == have
    assert machine_resources(None, have, 0, devices=0).workers == 1
    packed = machine_resources(None, 1, 0.5, devices=1)
    assert packed.workers == min(have, 2)
    assert machine_resources(None, None, None, devices=2).gpus == 1.0


def test_the_environment_is_left_alone() -> None:
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
