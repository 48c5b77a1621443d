"""A study of toy trials by its real command, with any MLflow store."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from amc.errors import UserError
from analysis.record.reading import RecordReader
from analysis.record.rows import Point
from analysis.record.states import ENDED
from tests.tuning.exactly_once import STATUS
from tuning.tracking.store import open_store

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 500.0  # seconds that anything may take on a slow and busy machine


class Toy:
    """A study of toy trials in `folder`; the same command each time."""

    def __init__(self, folder: Path, trials: int, target: str, *, name: str = "toy", **settings: object) -> None:
        self.folder, self.name, self.target, self.trials = folder, name, target, trials
        self.address = folder / name / "record.db"
        self.settings = {"study": name, **settings}

    def start(self, **settings: object) -> subprocess.Popen[str]:
        """Starts the command, with more settings for this time; what it prints goes to a file."""
        command = [sys.executable, "-m", "tests.tuning.toy_study", str(self.folder), str(self.trials)]
        command += [json.dumps(self.settings | settings), str(self.address), self.target]
        with self.folder.joinpath(f"{self.name}.log").open("w") as log:
            return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, text=True)

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

    def end(self, process: subprocess.Popen[str]) -> None:
        """Waits for the command's end, which must be a success."""
        assert process.wait(PATIENCE) == 0, self.printed()

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
            pictures = [file.path for file in client.list_artifacts(run.info.run_id, "samples")]
            assert pictures == ["samples/strip.png"], f"{key}: {pictures}"
