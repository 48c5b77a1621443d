"""Checkpoint folders: one an attempt, so that a worker that was given up on can't spoil its successor's.

A new attempt starts from a copy of the newest earlier one. Only running trials, interrupted ones and the best few keep
theirs, which bounds the disk; sample pictures of every trial are kept apart.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.record.states import COMPLETE, CONFIRM, OPEN

if TYPE_CHECKING:  # workers use this file, and have no use for a database
    from analysis.record.rows import TrialRow

KEEP = 3  # best trials whose checkpoints stay


def attempt_folder(folder: Path, key: str, attempt: int) -> Path:
    """Where attempt `attempt` (from 1) of a trial keeps its checkpoint."""
    return folder / key / f"attempt-{attempt}"


def inherit(directory: Path) -> Path | None:
    """Fills a new attempt's folder from the newest earlier attempt that left something; returns which.

    The earlier attempt's worker may still be alive for a moment and replace its file during the copy, whole by whole.
    """
    if directory.exists():
        return None
    number = int(directory.name.rsplit("-", 1)[1])
    for earlier in range(number - 1, 0, -1):
        source = directory.with_name(f"attempt-{earlier}")
        if source.is_dir() and any(source.iterdir()):
            partial = directory.with_name(f".{directory.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            # Files under construction belong to their writer.
            ignored = shutil.ignore_patterns(".*", "*.partial", "*.tmp")
            shutil.copytree(source, partial, ignore=ignored, copy_function=_copied)
            partial.rename(directory)
            return source
    directory.mkdir(parents=True, exist_ok=True)
    return None


def _copied(source: str, target: str) -> None:
    """On the disk before its folder gets its name: what it is a copy of may then be deleted."""
    shutil.copy2(source, target)
    with open(target, "rb") as file:
        os.fsync(file.fileno())


def kept(trials: Iterable[TrialRow], keep: int = KEEP) -> set[str]:
    """Keys of the trials whose checkpoints stay: those not ended, and the best `keep` that are complete."""
    trials = list(trials)
    complete = [
        t for t in trials if t.state == COMPLETE and t.role != CONFIRM and None not in (t.value, *t.values.values())
    ]
    ranked = sorted(complete, key=_place)
    return {trial.key for trial in ranked[:keep]} | {trial.key for trial in trials if trial.state in OPEN}


def _place(trial: TrialRow) -> tuple[float, float, list[float], int]:
    # The order of `analysis.record.ranking.best`, which needs a database.
    others = [-(value or 0.0) for value in trial.values.values()]
    return trial.violation or 0.0, -(trial.value or 0.0), others, trial.number


def tidy(folder: Path, trials: Sequence[TrialRow], keep: int = KEEP) -> None:
    """Deletes what `kept` does not name, and all but the last attempt of what it does.

    Of a trial that has not ended the last one is the newest that left something: the next attempt begins from a copy.
    """
    if not folder.is_dir():
        return
    stays = kept(trials, keep)
    attempts = {trial.key: trial.attempts for trial in trials if trial.state not in OPEN}
    for trial_folder in folder.iterdir():
        if trial_folder.name not in stays:
            shutil.rmtree(trial_folder, ignore_errors=True)
            continue
        last = attempts.get(trial_folder.name)
        newest = last or max(
            (_number(path) for path in trial_folder.glob("attempt-*") if any(path.glob("[!.]*"))), default=0
        )
        for path in trial_folder.iterdir():
            # What is newer may still be copied, or is filled by a worker that is alive.
            if _number(path) < newest or (last is not None and path.name != f"attempt-{last}"):
                shutil.rmtree(path, ignore_errors=True)


def _number(path: Path) -> int:
    """Of an attempt's folder, or of the copy that is going to be one."""
    return int("".join(filter(str.isdigit, path.name)) or 0)
