"""What a study found, as MLflow's artifacts: on the study's own run, and as a registered model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from amc.errors import UserError
from analysis.record.rows import StudyRow, TrialRow
from analysis.record.states import TRIAL
from analysis.record.writing import RecordWriter
from tuning.engine.sources import best, of_role
from tuning.engine.summary import summary, table
from tuning.tracking.model_registry import register

if TYPE_CHECKING:
    from mlflow import MlflowClient

DIGEST = "amc.results"  # tag of the study's run: the results that it has
FILES_DIGEST = "amc.files"  # likewise: what was made of them
FILES = ("tables", "figures", "report.html")  # in DIR/<study>: folders and a file


def log_results(
    client: MlflowClient, record: RecordWriter, study: StudyRow, run_id: str, *, folder: Path, seen: Callable[[], None]
) -> list[str]:
    """Copies what was found to the study's run `run_id`, and registers the best model of a search.

    Nothing is sent of what is there already, so whoever is killed in the middle does it again.

    Args:
        folder: DIR/<study>.
        seen: called after each answer of the store.

    Returns:
        lines for the user on what could not be done, whatever the store says.
    """
    chosen = best(of_role(record.trials(study.name), TRIAL))
    _log_summary(client, record, study, chosen, run_id, folder, seen)
    if chosen is None or chosen.mlflow_run_id is None or study.kind != "search":
        return []
    try:
        register(client, study, chosen, folder)
    except UserError as error:
        return [f"{chosen.key} is not registered as a model: {error}"]
    seen()
    return []


def log_files(client: MlflowClient, run_id: str, *, folder: Path, seen: Callable[[], None]) -> None:
    """Copies tables, figures and report in `folder` to the study's run, unless it has them as they are."""
    from mlflow.entities import RunTag

    digest = _digest(folder)
    if digest is None:
        return
    there = client.get_run(run_id).data.tags.get(FILES_DIGEST)
    seen()
    if there == digest:
        return
    for path in (folder / name for name in FILES):
        if path.is_dir():
            client.log_artifacts(run_id, str(path), path.name)
        elif path.is_file():
            client.log_artifact(run_id, str(path))
        seen()
    client.log_batch(run_id, tags=[RunTag(FILES_DIGEST, digest)])  # last, since it says that the rest is there
    seen()


def _digest(folder: Path) -> str | None:
    """Of all that `log_files` copies; None where there is nothing."""
    paths = [path for name in FILES for path in (folder / name, *sorted((folder / name).rglob("*"))) if path.is_file()]
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.relative_to(folder)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest() if paths else None


def _log_summary(
    client: MlflowClient,
    record: RecordWriter,
    study: StudyRow,
    chosen: TrialRow | None,
    run_id: str,
    folder: Path,
    seen: Callable[[], None],
) -> None:
    from mlflow.entities import Metric, RunTag

    content = json.dumps(summary(record, study.name), indent=2, allow_nan=False) + "\n"
    digest = hashlib.sha256(content.encode()).hexdigest()
    there = client.get_run(run_id).data.tags.get(DIGEST)
    seen()
    if there == digest:
        return
    client.log_text(run_id, content, "summary.json")
    client.log_text(run_id, table(record, study.name) + "\n", "table.txt")
    seen()
    metrics, tags = [], [RunTag(DIGEST, digest)]
    # The best of all arms would mean nothing.
    if chosen is not None and chosen.value is not None and study.kind == "search":
        samples = folder / "samples" / chosen.key
        if samples.is_dir():
            client.log_artifacts(run_id, str(samples), "best")
            seen()
        ended = round((chosen.ended or chosen.created) * 1000)
        name = next(iter(chosen.values), "val/accuracy")  # the first objective
        metrics.append(Metric(f"best/{name}", chosen.value, ended, 0))
        tags.append(RunTag("amc.best", chosen.key))
    client.log_batch(run_id, metrics=metrics, tags=tags)  # last, since it says that the rest is there
    seen()
