"""The plain stack as its manuals set it up: `python -m tests.tuning.peer_study DIR TRIALS LIFE RAY` is its driver.

Ray Tune with `OptunaSearch` and `MLflowLoggerCallback`, a checkpoint with every report, and `Tuner.restore` where there
is something to restore. It runs the same toy trials as our own studies do, so that the same checks can judge both.
LIFE counts the starts of the driver, from 1; RAY is a folder for Ray's own files. Nothing of `tuning` is imported: it
changes settings of Ray that the plain stack leaves alone.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read by Ray when it is imported

import ray
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback
from ray.tune.search.optuna import OptunaSearch

from tests.tuning.exactly_once import Curve, Row

ROOT = Path(__file__).resolve().parents[2]
BUDGET, EVERY = 20, 5
PAUSE = 0.1  # seconds of a step
NAME = "peer"  # of the experiment, for Tune and for MLflow
FAILED = 4  # exit code: the stack itself raised
STATES = {"TERMINATED": "COMPLETE", "ERROR": "FAILED"}


def store(folder: Path) -> str:
    """MLflow's address."""
    return f"sqlite:///{folder / 'mlflow.db'}"


def learn(config: dict[str, Any]) -> None:
    """The toy trial, as Tune wants it."""
    key, executed = tune.get_context().get_trial_id(), Path(config["folder"]) / "executed.jsonl"
    step, checkpoint = 0, tune.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            step = json.loads((Path(folder) / "checkpoint.json").read_text())
    while step < BUDGET:
        time.sleep(PAUSE)
        step += 1
        with executed.open("a") as file:
            file.write(json.dumps([key, int(os.environ["PEER_LIFE"]), step]) + "\n")
        if step % EVERY == 0:
            with tempfile.TemporaryDirectory() as folder:
                (Path(folder) / "checkpoint.json").write_text(json.dumps(step))
                value = round(step / BUDGET / (1.0 + abs(config["weights.gan"] - 1.0)), 6)
                tune.report({"value": value, "at": step}, checkpoint=tune.Checkpoint.from_directory(folder))


def main(folder: Path, trials: int, life: int, session: Path) -> int:
    """Runs what is left of the study, and writes what Tune knows at its end to DIR/peer.json."""
    os.environ |= {"PEER_LIFE": str(life), "PYTHONPATH": str(ROOT)}  # Ray's processes inherit them
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, _temp_dir=str(session))
    try:
        results = _tuner(folder, trials).fit()
    except Exception:  # whatever it is, the stack is at its end
        traceback.print_exc()
        return FAILED
    rows: list[Row] = []
    curves: dict[str, Curve] = {}
    for trial in results._experiment_analysis.trials:
        rows.append({"key": trial.trial_id, "state": STATES.get(trial.status, trial.status), "attempts": 0})
        curves[trial.trial_id] = _curve(Path(trial.path) / "result.json")
    (folder / "peer.json").write_text(json.dumps({"rows": rows, "curves": curves}))
    ray.shutdown()
    return 0


def _tuner(folder: Path, trials: int) -> tune.Tuner:
    place = folder / "tune" / NAME
    if tune.Tuner.can_restore(str(place)):
        return tune.Tuner.restore(str(place), trainable=learn)
    return tune.Tuner(
        learn,
        param_space={"weights.gan": tune.uniform(0.5, 2.0), "folder": str(folder)},
        tune_config=tune.TuneConfig(metric="value", mode="max", search_alg=OptunaSearch(seed=0), num_samples=trials),
        run_config=tune.RunConfig(
            name=NAME,
            storage_path=str(folder / "tune"),
            verbose=0,
            callbacks=[MLflowLoggerCallback(tracking_uri=store(folder), experiment_name=NAME)],
        ),
    )


def _curve(file: Path) -> Curve:
    """The reports that Tune's own log of a trial has."""
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [(line["at"], line["value"]) for line in lines if "at" in line]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])))
