"""A store that goes away, one that never comes, and two studies at once: real processes of toy trials."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from amc.errors import UserError
from analysis.record.reading import RecordReader
from analysis.record.rows import Point
from analysis.record.states import ENDED
from tests.tuning.exactly_once import STATUS
from tests.tuning.mlflow_server import Server
from tuning.tracking.store import default_store, open_store

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 500.0  # seconds that anything may take on a slow and busy machine
OUTAGE = 20.0  # seconds
MEANWHILE = 6  # reports that arrive while the server is away; at least 10 trials are left to run then
pytestmark = pytest.mark.filterwarnings("default")  # MLflow's own


class Toy:
    """A study of toy trials in `folder`; the same command each time."""

    def __init__(self, folder: Path, trials: int, target: str, *, name: str = "toy", **settings: object) -> None:
        self.folder, self.name, self.target, self.trials = folder, name, target, trials
        self.address = folder / name / "record.db"
        settings = {"study": name, **settings}
        self.command = [sys.executable, "-m", "tests.tuning.toy_study", str(folder), str(trials), json.dumps(settings)]
        self.command += [str(self.address), target]

    def start(self) -> subprocess.Popen[str]:
        """What it prints goes to a file."""
        with self.folder.joinpath(f"{self.name}.log").open("w") as log:
            return subprocess.Popen(self.command, cwd=ROOT, stdout=log, stderr=log, text=True)

    def printed(self) -> str:
        """What the last command has printed."""
        return self.folder.joinpath(f"{self.name}.log").read_text()

    def points(self) -> list[Point]:
        """The record's, in the order of arrival; none where there is no record yet."""
        try:
            with RecordReader(self.address) as records:
                return records.points(self.name)
        except UserError:
            return []

    def wait(self, process: subprocess.Popen[str], count: int) -> None:
        """Until so many points have arrived."""
        deadline = time.monotonic() + PATIENCE
        while len(self.points()) < count:
            assert process.poll() is None, self.printed()
            assert time.monotonic() < deadline, "the study does not get there"
            time.sleep(0.1)

    def check(self) -> None:
        """The store has every trial once, in its right state, with the record's curve point for point."""
        with RecordReader(self.address) as records:
            rows = {trial.key: trial for trial in records.trials(self.name)}
            points = records.points(self.name)
        assert sum(row.role == "trial" for row in rows.values()) == self.trials
        assert {row.state for row in rows.values()} <= set(ENDED)
        client = open_store(self.target, self.folder)
        runs = client.search_runs([client.get_experiment_by_name(self.name).experiment_id])
        (parent,) = (run for run in runs if run.data.tags["amc.role"] == "study")
        assert parent.info.status == "FINISHED"
        children = {run.data.tags["amc.trial_key"]: run for run in runs if run is not parent}
        assert len(children) == len(runs) - 1
        assert children.keys() == rows.keys()
        for key, run in children.items():
            assert run.info.status == STATUS[rows[key].state]
            assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
            history = client.get_metric_history(run.info.run_id, "val/accuracy")
            found = sorted((metric.step, metric.value, metric.timestamp) for metric in history)
            assert found == [(p.step, p.metrics["val/accuracy"], p.timestamp) for p in points if p.key == key]
            assert [file.path for file in client.list_artifacts(run.info.run_id, "samples")] == ["samples/strip.png"]


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_a_server_that_is_away_for_a_while(tmp_path: Path) -> None:
    with Server(tmp_path / "server") as server:
        toy = Toy(tmp_path, 16, server.target, pause=0.4)
        with toy.start() as process:
            toy.wait(process, 4)
            server.kill()
            before = len(toy.points())
            time.sleep(OUTAGE)
            toy.wait(process, before + MEANWHILE)  # training goes on however long the server is away
            server.start()
            assert process.wait(PATIENCE) == 0, toy.printed()
        assert toy.printed().count("does not answer") == 1
        assert "View run" not in toy.printed()
        toy.check()


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_a_server_that_comes_after_the_study(tmp_path: Path) -> None:
    server = Server(tmp_path / "server")
    toy = Toy(tmp_path, 2, server.target)
    assert toy.start().wait(PATIENCE) == 0, toy.printed()
    assert toy.printed().count("does not answer") == 1
    assert "has not got everything: the same command brings the rest" in toy.printed()
    before = toy.points()
    with server:
        assert toy.start().wait(PATIENCE) == 0, toy.printed()
        assert "not" not in toy.printed()
        assert toy.points() == before
        toy.check()


@pytest.mark.slow
def test_two_studies_share_machine_folder_and_store(tmp_path: Path) -> None:
    toys = [Toy(tmp_path, 3, default_store(tmp_path), name=name, pause=0.02) for name in ("one", "two")]
    processes = [toy.start() for toy in toys]
    for toy, process in zip(toys, processes, strict=True):
        assert process.wait(PATIENCE) == 0, toy.printed()
    for toy in toys:
        toy.check()
    client: Any = open_store(default_store(tmp_path), tmp_path)
    experiments = {found.name: found.experiment_id for found in client.search_experiments()}
    assert {"one", "two"} <= experiments.keys()
    for toy in toys:
        runs = client.search_runs([experiments[toy.name]])
        assert len({run.data.tags["amc.study_id"] for run in runs}) == 1
