"""A run that ended: opened again from its folder, and scored."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from amc.cli.data_source import resolve
from amc.config import DATASETS, Config, from_dict
from amc.data.prepared import TrainingData, prepare
from amc.errors import UserError
from amc.evaluation.judges.identity import IdentityClassifier, cached_identity_classifier
from amc.evaluation.judges.motion_classifier import TrainedClassifier, accuracy, cached_classifier, predict
from amc.progress import console
from amc.training import checkpoint
from amc.training.loop import VALIDATION_SEED, Run, hits

JUDGE, SECOND = 0, 1  # seeds of the classifier that selects, and of the one that only checks it
TEST_SEED = 1  # of velocities and noise drawn for test clips


def reopen(directory: Path, file: Path | None) -> Run:
    """The run whose checkpoint is in `directory`, with the data it was trained on.

    Args:
        directory: where `train` wrote.
        file: the clip file; None takes what the run's data set means on this machine, the stand-in included.

    Raises:
        UserError: no readable checkpoint, or other data than it was trained on.
    """
    path = directory / checkpoint.FILE
    config = from_dict(checkpoint.load(path).header["config"])
    name = config.dataset.name
    if file is None and name not in DATASETS:
        raise UserError(f"{directory} was trained on the clip file {name!r}: give it with --data FILE.h5")
    run = Run(config, prepare(config, resolve(None if file else name, file, config.preset).path))
    run.load(path)
    return run


def classifier(config: Config, data: TrainingData, seed: int) -> TrainedClassifier:
    """The judge or the second classifier of these data, trained now (with progress on the screen) where need be."""
    name = "motion classifier" if seed == JUDGE else "second motion classifier"
    with console(f"training the {name}", "batch") as progress:
        return cached_classifier(data.clips, data.split, config, seed=seed, progress=progress)


def identity_classifier(config: Config, data: TrainingData) -> IdentityClassifier:
    """The subject classifier of these data, trained now (with progress on the screen) where need be.

    Raises:
        UserError: too few training subjects; known before anything is trained.
    """
    with console("training the subject classifier", "batch") as progress:
        return cached_identity_classifier(config, data, progress=progress)


def accuracies(run: Run, judge: TrainedClassifier, second: TrainedClassifier) -> dict[str, float]:
    """Fractions of the validation clips whose class is recognised: generated, copied and real ones.

    Returns:
        `accuracy` and `second_classifier_accuracy` of generated clips; `copy_frame_accuracy` of clips that repeat
        their first frame, which a generator that moves nothing would score; `real_accuracy`; `chance`.
    """
    clips, length = run.data.clips, run.config.model.frames
    chosen = run.data.split.validation
    still = np.repeat(clips.frames[chosen, :1], length, axis=1)
    by_judge, by_second = (
        hits(run.generator, run.config, run.data, c, chosen, VALIDATION_SEED) for c in (judge, second)
    )
    return {
        "accuracy": float(by_judge.mean()),
        "second_classifier_accuracy": float(by_second.mean()),
        "real_accuracy": judge.validation_accuracy,
        "copy_frame_accuracy": accuracy(predict(judge.network, still, length), clips.label[chosen]),
        "chance": judge.chance,
    }


def table(title: str, found: dict[str, float]) -> str:
    """`accuracies` for a person, in percent."""
    rows = {
        "generated clips": found["accuracy"],
        "  by a second classifier": found["second_classifier_accuracy"],
        "first frame repeated": found["copy_frame_accuracy"],
        "chance": found["chance"],
        "real clips": found["real_accuracy"],
    }
    return "\n".join([title, *(f"  {name:<26}{100 * value:>6.1f}" for name, value in rows.items())])
