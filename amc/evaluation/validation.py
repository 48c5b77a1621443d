"""Scores of generated clips by the motion classifier (section 4.1), while training and after it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from amc.config import Config
from amc.data.conditions import test_conditions
from amc.data.training_data import TrainingData
from amc.evaluation.generation import VALIDATION_SEED, generate_clips
from amc.evaluation.judges.motion_classifier import TrainedClassifier, accuracy, predict
from amc.training.loop import Evaluation
from amc.training.run import Curve, Run

ACCURACY = "val/accuracy"  # the metric that trials are selected by
LOG_LIKELIHOOD = "val/log_likelihood"  # orders equal accuracies


def validation(classifier: TrainedClassifier) -> Evaluation:
    """An evaluation for `train`: the metrics `val/accuracy` and `val/log_likelihood` of the validation split."""

    def validate(run: Run, check_pause: Callable[[], None]) -> dict[str, float]:
        clips = run.data.split.validation
        logits = _logits(run.generator, run.config, run.data, classifier, clips, VALIDATION_SEED, check_pause)
        label = run.data.clips.label[clips]
        return {ACCURACY: accuracy(logits, label), LOG_LIKELIHOOD: log_likelihood(logits, label)}

    return validate


def last_accuracy(curve: Curve) -> float:
    """The validation accuracy at the last evaluation, a fraction; NaN before the first."""
    return curve[-1][1][ACCURACY] if curve else float("nan")


def recognised(
    generator: nn.Module,
    config: Config,
    data: TrainingData,
    classifier: TrainedClassifier,
    clips: NDArray[np.int64],
    seed: int,
) -> NDArray[np.bool_]:
    """For each clip, whether the classifier recognises the requested class in the generated clip: (n,).

    Args:
        clips: (n,) positions in the data.
        seed: of the velocities and noise.
    """
    logits = _logits(generator, config, data, classifier, clips, seed)
    result: NDArray[np.bool_] = logits.argmax(1) == data.clips.label[clips]
    return result


def _logits(
    generator: nn.Module,
    config: Config,
    data: TrainingData,
    classifier: TrainedClassifier,
    clips: NDArray[np.int64],
    seed: int,
    check_pause: Callable[[], None] = lambda: None,
) -> NDArray[np.float32]:
    """The classifier's logits (n, c) of clips generated for the conditions of `clips` (n,).

    `check_pause` is called before each batch; an exception that it raises ends the evaluation.
    """
    conditions = test_conditions(config, data, clips, seed)
    frames = generate_clips(generator, config, data, conditions, check_pause=check_pause)
    return predict(classifier.network, frames, config.model.frames)


def log_likelihood(logits: NDArray[np.float32], label: NDArray[np.int64]) -> float:
    """Mean natural logarithm of the probability, by softmax of `logits` (N, c), of the labels (N,); at most 0."""
    return -float(F.cross_entropy(torch.from_numpy(logits).double(), torch.from_numpy(label)))


def accuracies(run: Run, first: TrainedClassifier, second: TrainedClassifier) -> dict[str, float]:
    """Accuracies on the validation split, as fractions, and the log-likelihood that orders equal ones.

    Returns:
        `accuracy`, `log_likelihood` and `second_classifier_accuracy` of generated clips; `copy_frame_accuracy` of
        clips that repeat their first frame, the score of a generator without motion; `real_accuracy` of real clips;
        `chance`.
    """
    clips, length = run.data.clips, run.config.model.frames
    validation_clips = run.data.split.validation
    still = np.repeat(clips.frames[validation_clips, :1], length, axis=1)
    by_first, by_second = (
        _logits(run.generator, run.config, run.data, classifier, validation_clips, VALIDATION_SEED)
        for classifier in (first, second)
    )
    label = clips.label[validation_clips]
    return {
        "accuracy": accuracy(by_first, label),
        "log_likelihood": log_likelihood(by_first, label),
        "second_classifier_accuracy": accuracy(by_second, label),
        "real_accuracy": first.validation_accuracy,
        "copy_frame_accuracy": accuracy(predict(first.network, still, length), label),
        "chance": first.chance,
    }
