"""Which checkpoints of a study stay on disk.

Trials that have not ended keep theirs, and so do the best few and those that raced; this bounds the disk space of a
study. Sample pictures of every trial are stored elsewhere and stay.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from analysis.record.race import CANDIDATES, configuration
from analysis.record.ranking import score_of
from analysis.record.rows import TrialRow
from analysis.record.states import COMPLETE, CONFIRM, OPEN
from tuning.engine.sources import RaceOfFinalists, TrialSource
from tuning.workers.attempts import attempt_number

KEEP = 3  # best trials whose checkpoints stay without a race


def checkpoints_kept(sources: Iterable[TrialSource]) -> int:
    """How many of the best trials keep their checkpoints: all that may become finalists if there will be a race."""
    races = (source for source in sources if isinstance(source, RaceOfFinalists) and source.seeds)
    return max([KEEP, *(max(CANDIDATES, race.finalists) for race in races)])


def keys_to_keep(trials: Iterable[TrialRow], keep: int = KEEP) -> set[str]:
    """Keys of the trials whose checkpoints stay.

    They are those that have not ended, the best ones of the best `keep` configurations, and those whose configurations
    have raced: the model of the winner is registered.
    """
    trials = list(trials)
    scores = {t.key: score_of(t) for t in trials if t.state == COMPLETE and t.role != CONFIRM}
    places = sorted(
        (score.violation, [-value for value in score.values], trial.number, trial.key, configuration(trial))
        for trial in trials
        if (score := scores.get(trial.key)) is not None
    )
    best: dict[str, str] = {}  # by configuration, of which the race has each once
    for *_, key, text in places:
        best.setdefault(text, key)
    raced = {trial.parent for trial in trials if trial.role == CONFIRM and trial.parent in scores}
    open_keys = {trial.key for trial in trials if trial.state in OPEN}
    return set(list(best.values())[:keep]) | open_keys | {key for key in raced if key is not None}


def delete_unneeded(folder: Path, trials: Sequence[TrialRow], keep: int = KEEP) -> None:
    """Deletes checkpoints of trials that `keys_to_keep` does not name, and those of superseded attempts.

    For a trial that has not ended, the newest attempt with any file stays: the next attempt starts from a copy of it.
    Trials and attempts that are not in `trials` are never deleted: the record may have been restored from a backup.

    Args:
        folder: the study's checkpoint folder, DIR/STUDY/checkpoints.
    """
    if not folder.is_dir():
        return
    stays = keys_to_keep(trials, keep)
    known = {trial.key: trial for trial in trials}
    for trial_folder in folder.iterdir():
        trial = known.get(trial_folder.name)
        if trial is None:
            continue
        if trial.state in OPEN:
            filled = [attempt_number(path) for path in trial_folder.glob("attempt-*") if any(path.glob("[!.]*"))]
            newest = max((number for number in filled if number <= trial.attempts), default=0)
            # Newer folders may be copies in progress, or belong to a running worker.
            _delete_attempts(trial_folder, range(newest))
        elif trial.key in stays:
            _delete_attempts(trial_folder, range(1, trial.attempts + 1), but=f"attempt-{trial.attempts}")
        else:
            _delete_attempts(trial_folder, range(trial.attempts + 1))
            with suppress(OSError):  # it has attempts that are not on record
                trial_folder.rmdir()


def _delete_attempts(trial_folder: Path, numbers: range, *, but: str = "") -> None:
    for path in trial_folder.iterdir():
        if attempt_number(path) in numbers and path.name != but:
            shutil.rmtree(path, ignore_errors=True)
