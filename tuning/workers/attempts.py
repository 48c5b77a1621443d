"""Checkpoint folders: one per attempt, so that a worker that was given up cannot damage its successor's files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def attempt_folder(folder: Path, key: str, attempt: int) -> Path:
    """The checkpoint folder of attempt `attempt` (from 1) at trial `key`."""
    return folder / key / f"attempt-{attempt}"


def attempt_number(path: Path) -> int:
    """The number of an attempt's folder, or of a partial copy that will become one; 0 for other names."""
    return int("".join(filter(str.isdigit, path.name)) or 0)


def copy_previous_attempt(directory: Path) -> Path | None:
    """Fills the folder of a new attempt from the newest earlier attempt that left any file.

    The worker of the earlier attempt may still be alive for a moment. It replaces its files atomically, so each copied
    file is complete.

    Returns:
        The folder copied from; None if there was nothing to copy or `directory` exists already.
    """
    if directory.exists():
        return None
    for earlier in range(attempt_number(directory) - 1, 0, -1):
        source = directory.with_name(f"attempt-{earlier}")
        if source.is_dir() and any(source.iterdir()):
            partial = directory.with_name(f".{directory.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            # Unfinished files belong to the process that writes them.
            ignored = shutil.ignore_patterns(".*", "*.partial", "*.tmp")
            shutil.copytree(source, partial, ignore=ignored, copy_function=_copy_and_sync)
            partial.rename(directory)
            return source
    directory.mkdir(parents=True, exist_ok=True)
    return None


def _copy_and_sync(source: str, target: str) -> None:
    """Copies a file and flushes it to disk: once the folder has its final name, the original may be deleted."""
    shutil.copy2(source, target)
    with open(target, "rb") as file:
        os.fsync(file.fileno())
