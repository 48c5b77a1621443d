"""The results of a study in MLflow: artifacts of the study's own run, and a registered model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from amc.errors import UserError
from analysis.record.equal_accuracies import LOG_LIKELIHOOD
from analysis.record.race import winner
from analysis.record.rows import StudyRow, TrialRow
from analysis.record.writing import RecordWriter
from tuning.tracking.model_registry import register

if TYPE_CHECKING:
    from mlflow import MlflowClient

DOCUMENTS_DIGEST = "amc.results"  # tag of the study's run: digest of the documents and pictures that it has
FILES_DIGEST = "amc.files"  # the same of tables, figures and report
FILES = ("tables", "figures", "report.html")  # folders and a file in DIR/STUDY


def log_results(
    client: MlflowClient,
    record: RecordWriter,
    study: StudyRow,
    run_id: str,
    *,
    folder: Path,
    documents: Mapping[str, str],
    on_answer: Callable[[], None],
) -> list[str]:
    """Copies the results to the study's run, and registers the model of the configuration that a search returns.

    What the run has already is not sent again, so a call that was interrupted can be repeated.

    Args:
        folder: DIR/STUDY.
        documents: text files by name; the first one identifies the results.
        on_answer: called after each answer of the store.

    Returns:
        Lines for the user on what cannot be done, whatever the store answers.
    """
    chosen = winner(record.trials(study.name), study.space) if study.kind == "search" else None
    _log_documents(client, run_id, chosen, folder=folder, documents=documents, on_answer=on_answer)
    if chosen is None or chosen.mlflow_run_id is None:
        return []
    try:
        register(client, study, chosen, folder)
    except UserError as error:
        return [f"cannot register {chosen.key} as a model: {error}"]
    on_answer()
    return []


def log_files(client: MlflowClient, run_id: str, *, folder: Path, on_answer: Callable[[], None]) -> None:
    """Copies tables, figures and report to the study's run, unless it has the same already."""
    from mlflow.entities import RunTag

    digest = _digest(folder)
    if digest is None:
        return
    copied = _has(client, run_id, FILES_DIGEST, digest, [name for name in FILES if (folder / name).exists()])
    on_answer()
    if copied:
        return
    for path in (folder / name for name in FILES):
        if path.is_dir():
            client.log_artifacts(run_id, str(path), path.name)
        elif path.is_file():
            client.log_artifact(run_id, str(path))
        on_answer()
    client.log_batch(run_id, tags=[RunTag(FILES_DIGEST, digest)])  # last: it says that the files are complete
    on_answer()


def _has(client: MlflowClient, run_id: str, tag: str, digest: str, names: Iterable[str]) -> bool:
    """Whether the run has the digest in its tag, and an artifact of at least one of these names."""
    if client.get_run(run_id).data.tags.get(tag) != digest:
        return False
    return bool({file.path for file in client.list_artifacts(run_id)} & {*names} or not {*names})


def _digest(folder: Path) -> str | None:
    """A digest of all that `log_files` copies; None if there is nothing."""
    paths = [path for name in FILES for path in (folder / name, *sorted((folder / name).rglob("*"))) if path.is_file()]
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.relative_to(folder)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest() if paths else None


def _log_documents(
    client: MlflowClient,
    run_id: str,
    chosen: TrialRow | None,
    *,
    folder: Path,
    documents: Mapping[str, str],
    on_answer: Callable[[], None],
) -> None:
    """Copies documents, and value and pictures of the best trial of a search."""
    from mlflow.entities import Metric, RunTag

    digest = hashlib.sha256(next(iter(documents.values()), "").encode()).hexdigest()
    copied = _has(client, run_id, DOCUMENTS_DIGEST, digest, documents)
    on_answer()
    if copied:
        return
    for name, text in documents.items():
        client.log_text(run_id, text, name)
    on_answer()
    metrics, tags = [], [RunTag(DOCUMENTS_DIGEST, digest)]
    if chosen is not None and chosen.value is not None:
        samples = folder / "samples" / chosen.key
        if samples.is_dir():
            client.log_artifacts(run_id, str(samples), "best")
            on_answer()
        ended = round((chosen.ended or chosen.created) * 1000)
        name = next(iter(chosen.values), "val/accuracy")  # the first objective
        metrics.append(Metric(f"best/{name}", chosen.value, ended, 0))
        if chosen.log_likelihood is not None:
            metrics.append(Metric(f"best/{LOG_LIKELIHOOD}", chosen.log_likelihood, ended, 0))
        tags.append(RunTag("amc.best", chosen.key))
    client.log_batch(run_id, metrics=metrics, tags=tags)  # last: it says that the documents are complete
    on_answer()
