"""The judges that every command uses, trained on first use with progress on the screen."""

from __future__ import annotations

from amc.config import Config
from amc.data.training_data import TrainingData
from amc.evaluation.judges.identity import IdentityClassifier, cached_identity_classifier
from amc.evaluation.judges.motion_classifier import TrainedClassifier, cached_classifier
from amc.progress import console

JUDGE, SECOND = 0, 1  # seeds of the motion classifier that runs are selected by, and of the one that checks it


def classifier(config: Config, data: TrainingData, seed: int) -> TrainedClassifier:
    """The first or second motion classifier of these data; trained now unless it is cached."""
    name = "motion classifier" if seed == JUDGE else "second motion classifier"
    with console(f"training the {name}", "batch") as progress:
        return cached_classifier(data.clips, data.split, config, seed=seed, progress=progress)


def identity_classifier(config: Config, data: TrainingData) -> IdentityClassifier:
    """The subject classifier of these data; trained now unless it is cached.

    Raises:
        UserError: there are too few training subjects; raised before anything is trained.
    """
    with console("training the subject classifier", "batch") as progress:
        return cached_identity_classifier(config, data, progress=progress)
