"""Which checkpoints of a study stay on disk.

Trials that have not ended keep theirs, and so do the best few; this bounds the disk space of a study. Sample pictures
of every trial are stored elsewhere and stay.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from analysis.record.ranking import score_of
from analysis.record.rows import TrialRow
from analysis.record.states import COMPLETE, CONFIRM, OPEN
from tuning.workers.attempts import attempt_number

KEEP = 3  # best trials whose checkpoints stay


def keys_to_keep(trials: Iterable[TrialRow], keep: int = KEEP) -> set[str]:
    """Keys of the trials whose checkpoints stay: those that have not ended, and the best `keep` complete ones."""
    trials = list(trials)
    scores = {t.key: score_of(t) for t in trials if t.state == COMPLETE and t.role != CONFIRM}
    places = [
        (score.violation, [-value for value in score.values], trial.number, trial.key)
        for trial in trials
        if (score := scores.get(trial.key)) is not None
    ]
    return {key for *_, key in sorted(places)[:keep]} | {trial.key for trial in trials if trial.state in OPEN}


def delete_unneeded(folder: Path, trials: Sequence[TrialRow], keep: int = KEEP) -> None:
    """Deletes checkpoints of trials that `keys_to_keep` does not name, and those of superseded attempts.

    For a trial that has not ended, the newest attempt with any file stays: the next attempt starts from a copy of it.

    Args:
        folder: the study's checkpoint folder, DIR/STUDY/checkpoints.
    """
    if not folder.is_dir():
        return
    stays = keys_to_keep(trials, keep)
    attempts = {trial.key: trial.attempts for trial in trials if trial.state not in OPEN}
    for trial_folder in folder.iterdir():
        if trial_folder.name in stays:
            _delete_superseded(trial_folder, attempts.get(trial_folder.name))
        else:
            shutil.rmtree(trial_folder, ignore_errors=True)


def _delete_superseded(trial_folder: Path, last: int | None) -> None:
    """Deletes all but one attempt of a trial; `last` is the number of its final attempt, None while it is open."""
    filled = (attempt_number(path) for path in trial_folder.glob("attempt-*") if any(path.glob("[!.]*")))
    newest = last or max(filled, default=0)
    for path in trial_folder.iterdir():
        # While the trial is open, newer folders may be copies in progress, or belong to a running worker.
        if attempt_number(path) < newest or (last is not None and path.name != f"attempt-{last}"):
            shutil.rmtree(path, ignore_errors=True)
