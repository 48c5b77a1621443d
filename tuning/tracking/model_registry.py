"""Registers the best checkpoint of a study as a model that `mlflow.pyfunc.load_model` loads.

The model has the study's name, a version for every trial that was the best when a command ended, and the alias `best`.
A version is created last, after its files: if the process is killed before, the next command writes the files again.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amc.evaluation import clip_maker
from amc.methods import get
from amc.training import checkpoint
from analysis.record.lookup import method_name
from analysis.record.rows import StudyRow, TrialRow
from tuning.workers.attempts import attempt_folder

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

ALIAS = "best"
PLACE = "model"  # among the artifacts of the trial's run
_PACKAGES = ("amc-gan", "mlflow", "numpy", "safetensors", "torch")


def register(client: MlflowClient, study: StudyRow, trial: TrialRow, folder: Path) -> str | None:
    """Gives the alias `best` to the version of `trial`, which is created if it does not exist.

    Args:
        folder: DIR/STUDY.

    Returns:
        The version; None if the trial left no checkpoint that can make clips, or its method needs several frames.

    Raises:
        UserError: the checkpoint cannot be used.
    """
    run_id = trial.mlflow_run_id or ""
    mine = [v for v in _versions(client, study) if v.tags.get("amc.trial_key") == trial.key]
    version = next((str(v.version) for v in mine if v.run_id == run_id), None)
    if version is None or not client.list_artifacts(run_id, PLACE):
        files = attempt_folder(folder / "checkpoints", trial.key, trial.attempts)
        saved, velocities = files / checkpoint.FILE, files / clip_maker.FILE
        several = get(method_name(trial.config)).frames_seen > 1
        if several or not saved.is_file() or not velocities.is_file():
            return None
        _log_model(client, run_id, saved, velocities)
        version = version or _create_version(client, study, trial, run_id)
    for stale in mine:
        if stale.run_id != run_id:  # its run was deleted
            client.delete_model_version(study.name, str(stale.version))
    if str(client.get_registered_model(study.name).aliases.get(ALIAS)) != version:
        client.set_registered_model_alias(study.name, ALIAS, version)
    return version


def delete_versions(client: MlflowClient, study: StudyRow) -> int:
    """Deletes the study's versions, and the model if no other version is left; returns how many were deleted."""
    from mlflow.exceptions import MlflowException

    mine = _versions(client, study)
    for version in mine:
        client.delete_model_version(study.name, str(version.version))
    if not client.search_model_versions(f"name = '{study.name}'", max_results=1):
        try:
            client.delete_registered_model(study.name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
    return len(mine)


def save_model(path: Path, saved: Path, velocities: Path) -> None:
    """Writes the model to the folder `path` in MLflow's format; nothing is executed or pickled.

    Args:
        saved: a checkpoint.
        velocities: the file that `clip_maker.save_velocities` wrote beside it.

    Raises:
        UserError: the files cannot be used.
    """
    import mlflow.pyfunc

    maker = clip_maker.load_clip_maker(saved, velocities)
    with warnings.catch_warnings():
        # MLflow asks for an input example, on which it would run the model.
        warnings.filterwarnings("ignore", r"(?s).*An input example was not provided")
        mlflow.pyfunc.save_model(
            str(path),
            python_model=str(Path(__file__).with_name("clip_model.py")),
            artifacts={"checkpoint": str(saved), "velocities": str(velocities)},
            signature=_signature(maker),
            pip_requirements=_requirements(),
            metadata={"class_names": list(maker.class_names), "origin": str(maker.header.get("origin", ""))},
        )


def _log_model(client: MlflowClient, run_id: str, saved: Path, velocities: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="amc-model-") as folder:
        save_model(Path(folder) / PLACE, saved, velocities)
        client.log_artifacts(run_id, str(Path(folder) / PLACE), PLACE)


def _create_version(client: MlflowClient, study: StudyRow, trial: TrialRow, run_id: str) -> str:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(
            study.name,
            description="Generates a clip of a motion class from one image. Each version is a best trial of the study.",
        )
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    tags = {
        "amc.study_id": study.uid,
        "amc.trial_key": trial.key,
        "amc.value": "" if trial.value is None else f"{trial.value:.6g}",
        "amc.dataset": str(study.dataset.get("name", "")),
        "amc.origin": str(study.dataset.get("origin", "")),
        "amc.fingerprint": str(study.dataset.get("fingerprint", "")),
        "amc.preset": study.preset,
    }
    # The source is a run, not a path, so that a store can be moved with its models.
    made = client.create_model_version(study.name, f"runs:/{run_id}/{PLACE}", run_id=run_id, tags=tags)
    return str(made.version)


def _versions(client: MlflowClient, study: StudyRow) -> list[ModelVersion]:
    # The store may have a study of the same name from another folder; tags distinguish them.
    found, token = [], None
    while token is None or token:
        page = client.search_model_versions(f"name = '{study.name}'", max_results=1000, page_token=token)
        found += [version for version in page if version.tags.get("amc.study_id") == study.uid]
        token = page.token or ""
    return found


def _signature(maker: clip_maker.ClipMaker) -> Any:
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import ParamSchema, ParamSpec, Schema, TensorSpec

    model = maker.config.model
    frame = (model.size, model.size, 3)
    image = TensorSpec(np.dtype("uint8"), (-1, *frame), "image")
    label = TensorSpec(np.dtype("int64"), (-1,), "label")
    clips = TensorSpec(np.dtype("uint8"), (-1, model.frames, *frame))
    return ModelSignature(Schema([image, label]), Schema([clips]), ParamSchema([ParamSpec("seed", "long", 0)]))


def _requirements() -> list[str]:
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name}=={version(name).split('+')[0]}")
        except PackageNotFoundError:
            continue  # run from a checkout
    return found
