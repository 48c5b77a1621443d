"""A study whose trials have ended with checkpoints, and its copy in an MLflow store."""

from __future__ import annotations

from pathlib import Path

from amc.config import Config
from amc.evaluation import clip_maker
from amc.evaluation.clip_maker import save_velocities
from amc.training import checkpoint
from amc.training.run import Run
from analysis.record.states import COMPLETE
from analysis.record.writing import RecordWriter
from tests.toy import toy_config, toy_data
from tests.tuning.toy_rows import trial_row
from tuning.engine.summary import study_documents
from tuning.tracking.mlflow_runs import MlflowRuns
from tuning.tracking.store import default_store


def end_trial(record: RecordWriter, base: Config, folder: Path, number: int, value: float) -> None:
    """A complete trial with a checkpoint of its own."""
    key = f"trial-{number:04d}"
    record.add_trial(trial_row(base, number))
    record.begin("toy", key)
    record.mark_started("toy", key, 1)
    record.report("toy", key, 1, 20, {"val/accuracy": value})
    record.finish("toy", key, 1, COMPLETE, value=value)
    run = Run(toy_config(average=0.9), toy_data())
    files = folder / "toy" / "checkpoints" / key / "attempt-1"
    run.save(files / checkpoint.FILE)
    save_velocities(files / clip_maker.FILE, run.data)
    samples = folder / "toy" / "samples" / key
    samples.mkdir(parents=True)
    (samples / "strip.png").write_bytes(key.encode())


def copy_to_mlflow(record: RecordWriter, folder: Path, target: str | None = None) -> MlflowRuns:
    """What the end of a driver copies."""
    mlflow_runs = MlflowRuns(
        record,
        "toy",
        runs=folder,
        folder=folder / "toy",
        target=target or default_store(folder),
        documents=study_documents,
    )
    mlflow_runs.results = True
    mlflow_runs.sync(study_status="FINISHED")
    return mlflow_runs
