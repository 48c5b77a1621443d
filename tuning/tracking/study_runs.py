"""Finds the runs of a study in an MLflow store by their tags."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class StoredRun:
    """A run in the store.

    Attributes:
        key: of the trial; empty for the study's own run.
        has_artifacts: False if the folder of its artifacts does not exist; a server's is not checked.
    """

    run_id: str
    key: str
    has_artifacts: bool


def find_runs(client: MlflowClient, experiment_id: str, uid: str) -> list[StoredRun]:
    """The runs of the study `uid`; those that were marked as deleted are restored."""
    from mlflow.entities import ViewType

    found: list[StoredRun] = []
    token = None
    while token is None or token:
        page = client.search_runs(
            [experiment_id],
            filter_string=f"tags.`amc.study_id` = '{uid}'",
            run_view_type=ViewType.ALL,
            max_results=1000,
            page_token=token,
        )
        for run in page:
            if run.info.lifecycle_stage == "deleted":
                client.restore_run(run.info.run_id)
            key = run.data.tags.get("amc.trial_key", "")
            found.append(StoredRun(run.info.run_id, key, _has_artifacts(run.info.artifact_uri)))
        token = page.token or ""
    return found


def _has_artifacts(uri: str) -> bool:
    return not uri.startswith("file:") or Path(url2pathname(urlsplit(uri).path)).is_dir()
