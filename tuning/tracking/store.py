"""The MLflow store: its address, opening it, and the experiment of a study in it."""

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
from amc.errors import UserError, first_line
from analysis.record.connection.address import DRIVER, with_driver, without_password
from analysis.record.connection.database import MISSING_DRIVER
from analysis.record.connection.lock import exclusive_lock
from analysis.record.connection.server_lock import exclusive_server_lock
from tuning.tracking.store_file import ANEW, UnusableStore, check_database, is_other_version, relocate_artifacts

# Read by MLflow when it is imported.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"
# `SyncThread` retries by itself: a call whose answer was lost may have created a run.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"  # standard output may be one JSON document
# A server on this machine is not reached through a proxy.
for _name in ("no_proxy", "NO_PROXY"):
    _hosts = [*filter(None, os.environ.get("no_proxy", os.environ.get("NO_PROXY", "")).split(","))]
    os.environ[_name] = ",".join(dict.fromkeys([*_hosts, "localhost", "127.0.0.1", "::1"]))
# Creating tables prints pages of messages about migrations, and errors print a traceback; ours are one line.
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "CRITICAL")
os.environ.setdefault(
    "MLFLOW_UV_AUTO_DETECT", "false"
)  # a model's requirements are not those of the current folder's project

SQLITE = "sqlite:///"
# MLflow's UI opens an experiment of this kind on its runs and their curves.
_KIND = {"mlflow.experimentKind": "custom_model_development"}

if TYPE_CHECKING:
    from mlflow import MlflowClient


def default_store(runs: Path) -> str:
    """The address of the store in DIR, which all its studies share."""
    return sqlite_address(runs / "mlflow.db")


def sqlite_address(path: Path) -> str:
    """The address of a SQLite store; the same however the path is spelt."""
    path = path.resolve()
    plain = f"{SQLITE}{path}"
    # Characters such as ? and % mean something in an address. MLflow makes a folder of the address as it is written,
    # so other paths are not quoted.
    return plain if sqlite_file(plain) == path else sa.URL.create("sqlite", database=str(path)).render_as_string()


def sqlite_file(target: str) -> Path | None:
    """The file of a SQLite store; None for a server."""
    if not target.startswith(SQLITE):
        return None
    return Path(sa.make_url(target).database or "")


def normalized(target: str) -> str:
    """The same address for all spellings of a SQLite file's path; others are returned unchanged."""
    path = sqlite_file(target)
    return target if path is None or "?" in target else sqlite_address(path)


def ui_command(target: str) -> str:
    """The complete command that opens the MLflow UI on a store, or the URL of a tracking server.

    It names this Python interpreter, so that it works in a shell where the virtual environment is not active.
    """
    if target.startswith(("http://", "https://")):
        return without_password(target)
    address = without_password(with_driver(target))
    return shlex.join([sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", address, "--host", "127.0.0.1"])


def artifact_folder(runs: Path, study: str) -> Path:
    """The folder of a study's artifacts, unless an MLflow server stores them."""
    return runs / "artifacts" / study


def open_store(target: str, runs: Path) -> MlflowClient:
    """Opens the store, and creates it if it does not exist.

    Only one process at a time does this, because MLflow cannot create a store in two processes at once. If DIR was
    moved with its store, the store is told the new place of the artifacts.

    Raises:
        UnusableStore: the file is not a store of this version of MLflow, or cannot be written.
        UserError: MLflow cannot use the address, or its database driver is missing.
    """
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    database, runs = sqlite_file(target), runs.resolve()
    if database is not None:
        check_database(database)
    try:
        with _exclusive(target):
            if database is not None:
                _create_database(database, runs)
                relocate_artifacts(database, runs)
            address = with_driver(target)
            client = MlflowClient(tracking_uri=address, registry_uri=address)
            if not target.startswith("http"):
                client.search_experiments(max_results=1)
    except ModuleNotFoundError as error:
        raise UserError(MISSING_DRIVER if target.startswith("postgres") else str(error)) from error
    except (MlflowException, sa.exc.SQLAlchemyError) as error:
        if database is not None and is_other_version(error):
            raise UnusableStore(f"{database} was made by another version of MLflow: {ANEW}") from error
        raise UserError(f"--tracking-uri {without_password(target)}: {first_line(error)}") from error
    _remove_quoted_folder(target)
    return client


def close_store(client: MlflowClient | None) -> None:
    """Closes the connections to a SQLite store, so that it is opened anew: its file may have been replaced."""
    for part in ("_tracking_client", "_registry_client"):
        with contextlib.suppress(AttributeError):  # a client of a server, or one that has not been used
            getattr(client, part).store.engine.dispose()


def _remove_quoted_folder(target: str) -> None:
    """Removes the empty folder that MLflow creates if an address is quoted: it takes the address for a path."""
    database = sqlite_file(target)
    quoted = Path(target.removeprefix(SQLITE)).parent
    if database is not None and quoted != database.parent:
        with contextlib.suppress(OSError):
            quoted.rmdir()


def _create_database(database: Path, runs: Path) -> None:
    """Creates a store in a temporary file, and moves it to its place when it is complete.

    MLflow creates its tables in dozens of migrations, each in its own transaction. If it was killed between two of
    them, it could never open the store again.
    """
    if database.is_file() and database.stat().st_size:
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with atomic_write(database, exclusive=True) as partial:
        partial.with_name(f"{partial.name}-journal").unlink(missing_ok=True)
        address = sqlite_address(partial)
        store = SqlAlchemyStore(address, (runs / "artifacts").as_uri())  # type: ignore[no-untyped-call]
        store.engine.dispose()
    _remove_quoted_folder(address)


def experiment_id(client: MlflowClient, name: str, target: str, runs: Path) -> str:
    """The id of the experiment `name`, which is created or restored if necessary."""
    from mlflow.exceptions import MlflowException

    with _exclusive(target):
        found = client.get_experiment_by_name(name)
        if found is None:
            # By default artifacts would go to ./mlruns in the current folder.
            place = None if target.startswith("http") else artifact_folder(runs.resolve(), name).as_uri()
            try:
                return str(client.create_experiment(name, artifact_location=place, tags=dict(_KIND)))
            except MlflowException:
                found = client.get_experiment_by_name(name)  # another machine created it first
                if found is None:
                    raise
        if found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)


@contextlib.contextmanager
def _exclusive(target: str) -> Iterator[None]:
    """Holds a lock on the store, by which processes take turns; servers need none."""
    database = sqlite_file(target)
    if database is not None:
        with exclusive_lock(database.with_name(f".{database.name}.lock")):
            yield
    elif with_driver(target).startswith(DRIVER):
        try:
            with exclusive_server_lock(with_driver(target)):
                yield
        except sa.exc.OperationalError as error:  # MLflow would retry for an hour
            raise UserError(f"cannot open {without_password(target)}: {first_line(error.orig or error)}") from error
    else:
        yield


@contextlib.contextmanager
def answering(target: str) -> Iterator[None]:
    """Turns errors of MLflow within the block into a message, for a command that needs the store.

    Raises:
        UserError: the store does not answer.
    """
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, OSError) as error:
        shown = without_password(target)
        raise UserError(
            f"MLflow at {shown} does not answer ({first_line(error)}): start it, then rerun the same command"
        ) from error
