"""Studies of toy trials on Ray with both record and MLflow on a PostgreSQL server: killed, refused, cut off."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from amc.errors import UserError
from analysis.record.reading import RecordReader
from analysis.record.rows import TrialRow
from analysis.record.states import ENDED, RUNNING
from tests.tuning.postgres import PASSWORD, Server, free_port, running
from tuning.tracking.store import open_store

ROOT = Path(__file__).resolve().parents[3]
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # MLflow's own
STATUS = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAILED": "FAILED"}
TRIALS = 5


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as started:
        yield started


@contextmanager
def mlflow_server(store: str, folder: Path) -> Iterator[str]:
    """MLflow's own server on that database; its address."""
    address = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store, "--host", "127.0.0.1"]
    command += ["--port", address.rpartition(":")[2], "--workers", "1"]
    command += ["--artifacts-destination", (folder / "artifacts").as_uri()]
    with (folder / "mlflow.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        deadline = time.monotonic() + 300
        while not answers(f"{address}/health"):
            assert process.poll() is None, (folder / "mlflow.log").read_text()
            assert time.monotonic() < deadline, (folder / "mlflow.log").read_text()
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def start(folder: Path, record: str, tracking: str, **settings: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.tuning.toy_study", str(folder), str(TRIALS), json.dumps(settings)]
    command += [record, tracking]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, errors = process.communicate(timeout=300)
    return process.returncode, errors


def wait(process: subprocess.Popen[str], record: str, when: Callable[[list[TrialRow]], bool]) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        assert process.poll() is None, process.stderr and process.stderr.read()
        try:
            with RecordReader(record) as records:
                if when(records.trials("toy")):
                    return
        except UserError:
            pass  # it is not there yet
        time.sleep(0.1)
    raise AssertionError("the study does not get there")


def in_the_middle(trials: list[TrialRow]) -> bool:
    return any(trial.state in ENDED for trial in trials) and any(
        trial.state == RUNNING and trial.step for trial in trials
    )


def exactly_once(record: str, tracking: str, folder: Path) -> dict[str, TrialRow]:
    """Every trial is there once, in the record and in MLflow, with one whole curve that is the same in both."""
    with RecordReader(record) as records:
        rows, curves = records.trials("toy"), records.curves("toy")
    searched = [row for row in rows if row.role == "trial"]
    assert [row.key for row in searched] == [f"trial-{number:04d}" for number in range(TRIALS)]
    assert {row.state for row in rows} <= set(ENDED)
    client: Any = open_store(tracking, folder)
    place = client.get_experiment_by_name("toy")
    runs = client.search_runs([place.experiment_id])
    assert sorted(run.data.tags["amc.role"] for run in runs) == ["confirm", "study", *["trial"] * TRIALS]
    found = {run.data.tags.get("amc.trial_key", ""): run for run in runs}
    assert found[""].info.status == "FINISHED"
    for row in rows:
        assert list(curves[row.key]) == list(range(5, row.step + 1, 5)), row.key
        run = found[row.key]
        assert run.info.status == STATUS[row.state]
        assert run.info.run_id == row.mlflow_run_id
        history = client.get_metric_history(run.info.run_id, "val/accuracy")
        assert sorted(metric.step for metric in history) == list(curves[row.key])
    return {row.key: row for row in rows}


def test_a_killed_driver_and_a_second_one_on_another_host(server: Server, tmp_path: Path) -> None:
    """Its folder is not known to the second one, as on another host: only the record's server keeps them apart."""
    record = server.database("record_a")
    here, there = tmp_path / "here", tmp_path / "there"
    with mlflow_server(server.database("tracking_a").replace("postgresql:", "postgresql+psycopg:"), tmp_path) as mlflow:
        first = start(here, record, mlflow, pause=0.1)
        wait(first, record, in_the_middle)
        first.send_signal(signal.SIGSTOP)  # so that it is in the middle however slow the second one is to start
        code, errors = end(start(there, record, mlflow, pause=0.1))
        assert code != 0
        assert f"study 'toy' is being run by process {first.pid} on " in errors
        assert PASSWORD not in errors
        assert not there.exists()
        first.kill()
        first.communicate()
        with RecordReader(record) as records:
            done = {trial.key: trial for trial in records.trials("toy") if trial.state in ENDED}
        assert done
        code, errors = end(start(here, record, mlflow))  # at once
        assert code == 0, errors
        rows = exactly_once(record, mlflow, tmp_path)
    for key, trial in done.items():
        assert (rows[key].attempts, rows[key].ended) == (trial.attempts, trial.ended)


def test_a_server_that_restarts_in_the_middle(server: Server, tmp_path: Path) -> None:
    """Training goes on, reports wait; nothing runs twice. MLflow's store is a database of the same server."""
    record, tracking = server.database("record_b"), server.database("tracking_b")
    process = start(tmp_path, record, tracking, pause=0.1)
    wait(process, record, in_the_middle)
    server.stop()
    time.sleep(3)
    assert process.poll() is None
    server.start()
    code, errors = end(process)
    assert code == 0, errors
    assert "does not respond" in errors
    assert PASSWORD not in errors
    rows = exactly_once(record, tracking, tmp_path)
    assert {row.attempts for row in rows.values()} == {1}
    dump = server.psql("SELECT string_agg(target, ' ') FROM projection", record.rpartition("/")[2]).stdout
    assert "127.0.0.1" in dump
    assert PASSWORD not in dump
