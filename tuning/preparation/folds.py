"""Folds over subjects: the data and judges of each, and what training the judges will take."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from amc.config import Config
from amc.data.training_data import TrainingData, split_clips
from amc.errors import UserError
from amc.evaluation.judges.identity import identity_key
from amc.evaluation.judges.judge_cache import cache_file
from amc.evaluation.judges.motion_classifier import TrainedClassifier, classifier_key
from amc.evaluation.judges.standard import JUDGE, SECOND
from amc.evaluation.scores.test_judges import has_subjects
from tuning.engine.sources import with_fold
from tuning.engine.study import JudgePlan


@dataclass(frozen=True)
class SplitData:
    """One of a study's test splits, with the configuration that gives it."""

    config: Config
    data: TrainingData


def splits_of_runs(config: Config, data: TrainingData, folds: int, runs: int) -> list[SplitData]:
    """The test splits of a study: one for each fold that its runs are tested on, or the only one without folds.

    Prints a line on standard error if some folds are not tested.

    Args:
        folds: number of folds K; 0 for the split that `data` have.
        runs: number of replicates.

    Raises:
        UserError: the clips cannot be divided into these folds.
    """
    if not folds:
        return [SplitData(config, data)]
    configs = [with_fold(config, folds, number) for number in range(folds)]
    splits = [SplitData(each, split_clips(each, data.clips)) for each in configs]
    if runs < folds:
        print(
            f"{runs} of {folds} folds are tested: the subjects of the others are not; "
            f"give {folds} seeds to test every subject",
            file=sys.stderr,
        )
    return splits[:runs]


def check_folds(name: str, known: int, wanted: int) -> None:
    """Checks the number of folds asked for against that of the study on record; 0 is none.

    Raises:
        UserError: they differ.
    """
    if known != wanted:
        there = f"--folds {known}" if known else "no --folds"
        raise UserError(
            f"study {name!r} was run with {there}, so its runs have different test subjects: give {there} to resume "
            "it, or another --study"
        )


def judge_plan(splits: Sequence[SplitData], judge: TrainedClassifier) -> JudgePlan:
    """What training the judges that are not cached yet will take.

    Args:
        judge: a trained motion classifier; the others are taken to need as long.
    """
    keys = [key for split in splits for key in _keys(split)]
    missing = sum(not cache_file(key).exists() for key in keys)
    return JudgePlan(splits[0].config.split.folds, len(splits), missing, missing * float(judge.details["seconds"]))


def _keys(split: SplitData) -> list[str]:
    config, data = split.config, split.data
    motion = [classifier_key(data.clips, data.split, config, seed=seed) for seed in (JUDGE, SECOND)]
    return [*motion, identity_key(config, data)] if has_subjects(data) else motion
