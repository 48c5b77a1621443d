"""The two motion classifiers and the subject classifier that all commands use; trained on first use, then cached."""

from __future__ import annotations

from amc.config import Config
from amc.data.training_data import TrainingData
from amc.evaluation.judges.identity import IdentityClassifier, cached_identity_classifier
from amc.evaluation.judges.motion_classifier import TrainedClassifier, cached_classifier
from amc.progress import console

# Seeds of the motion classifier by which runs are selected, and of the second one, by which nothing is selected.
JUDGE, SECOND = 0, 1


def classifier(config: Config, data: TrainingData, seed: int) -> TrainedClassifier:
    """Returns the first or second motion classifier for these data: from the cache, or trained with a progress bar."""
    name = "motion classifier" if seed == JUDGE else "second motion classifier"
    with console(f"training the {name}{_of_fold(config)}", "batch") as progress:
        return cached_classifier(data.clips, data.split, config, seed=seed, progress=progress)


def identity_classifier(config: Config, data: TrainingData) -> IdentityClassifier:
    """Returns the subject classifier for these data: from the cache, or trained with a progress bar.

    Raises:
        UserError: there are too few training subjects; raised before anything is trained.
    """
    with console(f"training the subject classifier{_of_fold(config)}", "batch") as progress:
        return cached_identity_classifier(config, data, progress=progress)


def _of_fold(config: Config) -> str:
    return f" of fold {config.split.fold} (of {config.split.folds})" if config.split.folds else ""
