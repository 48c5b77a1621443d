"""The MLflow store: where it is, opening it, and the experiment of a study in it.

A module of ours may not be called mlflow: run as a script's neighbour it would stand in for the library.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from amc.errors import UserError
from tuning.lock import exclusive

# Read by MLflow when it is imported.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")  # trying again is the tracker's business
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")

_SQLITE = "sqlite:///"
# Makes MLflow's pages open an experiment as one of trained models, with its runs and curves.
_KIND = {"mlflow.experimentKind": "custom_model_development"}

if TYPE_CHECKING:
    from mlflow import MlflowClient


def default_store(runs: Path) -> str:
    """The store in DIR that all its studies share."""
    return f"{_SQLITE}{runs.absolute() / 'mlflow.db'}"


def ui_command(target: str) -> str:
    """The whole command that shows a store: a bare `mlflow ui` would open another one."""
    if target.startswith(("http://", "https://")):
        return target
    return f"mlflow ui --backend-store-uri {target} --host 127.0.0.1"


def artifact_folder(runs: Path, study: str) -> Path:
    """Where pictures of a study go, unless a server keeps them."""
    return runs / "artifacts" / study


def open_store(target: str, runs: Path) -> MlflowClient:
    """A client; a fresh store is made by one process at a time, as MLflow itself can't.

    Raises:
        UserError: the address is none of MLflow's.
    """
    # Its first tables come with pages of messages about migrations.
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    with _alone(target, runs):
        try:
            if target.startswith(_SQLITE):
                _make(Path(target.removeprefix(_SQLITE)), runs)
            client = MlflowClient(tracking_uri=target)
            if not target.startswith("http"):
                client.search_experiments(max_results=1)
        except MlflowException as error:
            raise UserError(f"--tracking-uri {target}: {first_line(error)}") from error
    return client


def _make(database: Path, runs: Path) -> None:
    """Makes a fresh store beside its place and moves it there when it is whole.

    MLflow creates its tables in dozens of migrations, each a transaction of its own; killed between two of them it
    would leave a store that it can never open again.
    """
    if database.is_file() and database.stat().st_size:
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    partial = database.with_name(f".{database.name}.partial")
    for left in (partial, partial.with_name(f"{partial.name}-journal")):
        left.unlink(missing_ok=True)
    store = SqlAlchemyStore(f"{_SQLITE}{partial}", (runs / "artifacts").as_uri())  # type: ignore[no-untyped-call]
    store.engine.dispose()
    os.replace(partial, database)


def experiment(client: MlflowClient, name: str, target: str, runs: Path) -> str:
    """The id of the experiment called `name`, made where it is not there."""
    from mlflow.exceptions import MlflowException

    with _alone(target, runs):
        found = client.get_experiment_by_name(name)
        if found is None:
            # Without a place of their own, artifacts would go to ./mlruns of whatever folder this was started in.
            place = None if target.startswith("http") else artifact_folder(runs, name).as_uri()
            try:
                return str(client.create_experiment(name, artifact_location=place, tags=dict(_KIND)))
            except MlflowException:
                found = client.get_experiment_by_name(name)  # another machine was faster
                if found is None:
                    raise
        if found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)


@contextlib.contextmanager
def _alone(target: str, runs: Path) -> Iterator[None]:
    if target.startswith(_SQLITE):
        database = Path(target.removeprefix(_SQLITE))
        with exclusive(database.with_name(f".{database.name}.lock")):
            yield
    else:
        yield


def first_line(error: BaseException) -> str:
    """An error in a few words."""
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
