"""The MLflow store: where it is, opening it, and the experiment of a study in it.

A module of ours may not be called mlflow: run as a script's neighbour it would stand in for the library.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from amc.atomic import atomic_write
from amc.errors import UserError
from analysis.record.database import DRIVER, MISSING_DRIVER, first_line, with_driver, without_password
from analysis.record.lock import exclusive
from analysis.record.server_lock import exclusive_on_server

# Read by MLflow when it is imported.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"
# Trying again is the tracker's business: a call that was lost on its way back may have made a run.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"  # standard output may be one JSON document
# Its first tables come with pages of messages about migrations, and every error with a traceback: ours are one line.
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "CRITICAL")
os.environ.setdefault("MLFLOW_UV_AUTO_DETECT", "false")  # a model asks for what it needs, not for the folder's project

SQLITE = "sqlite:///"
# Makes MLflow's pages open an experiment as one of trained models, with its runs and curves.
_KIND = {"mlflow.experimentKind": "custom_model_development"}

if TYPE_CHECKING:
    from mlflow import MlflowClient


def default_store(runs: Path) -> str:
    """The store in DIR that all its studies share."""
    return f"{SQLITE}{runs.absolute() / 'mlflow.db'}"


def ui_command(target: str) -> str:
    """The complete command that opens the MLflow UI on a store, or the URL of a tracking server.

    It names this Python interpreter, so that it works in a shell where the virtual environment is not active.
    """
    if target.startswith(("http://", "https://")):
        return without_password(target)
    address = without_password(with_driver(target))
    return shlex.join([sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", address, "--host", "127.0.0.1"])


def artifact_folder(runs: Path, study: str) -> Path:
    """Where pictures of a study go, unless a server keeps them."""
    return runs / "artifacts" / study


def open_store(target: str, runs: Path) -> MlflowClient:
    """A client; a fresh store is made by one process at a time, as MLflow itself can't.

    Raises:
        UserError: the address is none of MLflow's.
    """
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        with _alone(target, runs):
            if target.startswith(SQLITE):
                _make(Path(target.removeprefix(SQLITE)), runs)
            address = with_driver(target)
            client = MlflowClient(tracking_uri=address, registry_uri=address)
            if not target.startswith("http"):
                client.search_experiments(max_results=1)
    except ModuleNotFoundError as error:
        raise UserError(MISSING_DRIVER if target.startswith("postgres") else str(error)) from error
    except (MlflowException, sa.exc.ArgumentError) as error:
        raise UserError(f"--tracking-uri {without_password(target)}: {first_line(error)}") from error
    return client


def _make(database: Path, runs: Path) -> None:
    """Makes a fresh store beside its place and moves it there when it is whole.

    MLflow creates its tables in dozens of migrations, each a transaction of its own; killed between two of them it
    would leave a store that it can never open again.
    """
    if database.is_file() and database.stat().st_size:
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with atomic_write(database, exclusive=True) as partial:
        partial.with_name(f"{partial.name}-journal").unlink(missing_ok=True)
        store = SqlAlchemyStore(f"{SQLITE}{partial}", (runs / "artifacts").as_uri())  # type: ignore[no-untyped-call]
        store.engine.dispose()


def delete_run(client: MlflowClient, run_id: str) -> bool:
    """Marks a run as deleted; False if it is not there any more."""
    from mlflow.exceptions import MlflowException

    try:
        client.delete_run(run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return False
    return True


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
    if target.startswith(SQLITE):
        database = Path(target.removeprefix(SQLITE))
        with exclusive(database.with_name(f".{database.name}.lock")):
            yield
    elif with_driver(target).startswith(DRIVER):
        try:
            with exclusive_on_server(with_driver(target)):
                yield
        except sa.exc.OperationalError as error:  # MLflow itself would try for an hour
            raise UserError(f"cannot open {without_password(target)}: {first_line(error.orig or error)}") from error
    else:
        yield


@contextlib.contextmanager
def answering(target: str) -> Iterator[None]:
    """For a command that needs the store within the block.

    Raises:
        UserError: it does not answer.
    """
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, OSError) as error:
        shown = without_password(target)
        raise UserError(f"MLflow at {shown} does not answer ({first_line(error)}): start it, then try again") from error
