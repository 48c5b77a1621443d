"""The file of an MLflow store in SQLite: whether it can be used, and the paths in it after it was moved."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

from amc.errors import UserError

ANEW = "move it away, then rerun the same command to make a new one from the record"
_OTHER_VERSION = ("out-of-date database schema", "can't locate revision")
_DAMAGED = ("is not a database", "malformed")


class UnusableStore(UserError):
    """A store that stays unusable until somebody changes it."""


def check_database(path: Path) -> None:
    """Checks that a file is an MLflow store and can be written, or does not exist and can be created.

    Raises:
        UnusableStore: it is something else, or cannot be written.
    """
    place = next(folder for folder in path.parents if folder.exists())
    for needed in (path, place):
        if needed.exists() and not os.access(needed, os.W_OK):
            raise UnusableStore(f"{path} cannot be written: change its permissions, or give another --tracking-uri")
    if path.is_dir():
        raise UnusableStore(f"{path} is a folder: {ANEW}")
    if not path.exists() or not path.stat().st_size:
        return
    try:
        with closing(_connect(path)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.OperationalError:
        return  # locked by another process, for example, which MLflow waits for
    except sqlite3.DatabaseError as error:
        raise UnusableStore(f"{path} is not an MLflow store ({error}): {ANEW}") from error
    if tables and not {"experiments", "runs", "alembic_version"} <= tables:
        raise UnusableStore(f"{path} is a database of another program, not an MLflow store: {ANEW}")


def is_other_version(error: BaseException) -> bool:
    """Whether MLflow refused a store because another version of MLflow made it."""
    return any(words in str(error).lower() for words in _OTHER_VERSION)


def is_damaged(error: BaseException) -> bool:
    """Whether SQLite found the file damaged."""
    return any(words in str(error) for words in _DAMAGED)


def relocate_artifacts(path: Path, runs: Path) -> None:
    """Replaces the paths of artifacts in a store, which are absolute, if DIR has been moved.

    Paths in DIR/mlflow.db belong to this DIR. Another file may serve several folders, so there only paths are replaced
    that no longer exist and do exist here.

    Args:
        path: the store.
        runs: DIR, absolute.
    """
    with closing(_connect(path)) as connection, connection:
        for experiment, name, old in connection.execute(
            "SELECT experiment_id, name, artifact_location FROM experiments"
        ).fetchall():
            here = runs / "artifacts" / name
            old, new = str(old or "").rstrip("/"), here.as_uri()
            if old == new or not old.startswith("file:") or not old.endswith(f"/artifacts/{quote(name)}"):
                continue
            if path != runs / "mlflow.db" and (_exists(old) or not here.exists()):
                continue
            _replace_paths(connection, experiment, old, new)


def _replace_paths(connection: sqlite3.Connection, experiment: int, old: str, new: str) -> None:
    connection.execute("UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", (new, experiment))
    connection.execute(
        "UPDATE runs SET artifact_uri = ? || '/' || run_uuid || '/artifacts' WHERE experiment_id = ?",
        (new, experiment),
    )
    connection.execute(
        "UPDATE model_versions SET storage_location = ? || substr(storage_location, ?) "
        "WHERE substr(storage_location, 1, ?) = ?",
        (new, len(old) + 1, len(old) + 1, f"{old}/"),
    )


def _exists(uri: str) -> bool:
    return Path(url2pathname(urlsplit(uri).path)).exists()


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=30.0)
