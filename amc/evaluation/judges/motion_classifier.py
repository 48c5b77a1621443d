"""The motion classifier that judges generated clips (section 4.1, appendix B.3): training, cache, prediction.

It is trained on real training clips and selected on real validation clips, once per data set and preset, so that all
trials of a search are judged by the same weights.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from amc.config import Config
from amc.data.clips import Clips
from amc.data.conditions import to_video
from amc.data.splits import Split
from amc.errors import UserError
from amc.evaluation.judges.judge_cache import (
    cached_network,
    cpu_threads,
    network_key,
    padded,
    randomly_shifted,
    split_digest,
)
from amc.models.motion_classifier import MotionClassifier, classifier_input
from amc.progress import Progress

Frames = npt.NDArray[np.uint8]
"""(N, n, H, W, 3), RGB."""
Shown = Literal["clips", "first frames"]
"""What the classifier is trained on: clips, or each clip's first frame repeated, which should reveal no class."""


@dataclass(frozen=True)
class ClassifierRecipe:
    """Training settings. They are part of the cache key; `version` changes with the procedure."""

    version: int = 1
    steps: int = 4_000  # maximum number of mini-batches
    batch: int = 32  # clips
    evaluate_every: int = 30  # mini-batches; half an epoch if that is more
    patience: int = 8  # evaluations without improvement (accuracy, then loss) before training stops
    faultless: int = 8  # evaluations without an error before training stops
    learning_rate: float = 1e-3  # Adam; falls to 0 along a half cosine over `steps`
    # Training clips are shifted by up to this fraction of their width. Over five splits of the compact stand-in this
    # raised the mean accuracy on unseen performers from 97.6% to 99.9%.
    shift: float = 1 / 16
    # Clips of up to this many pixels (all frames) are trained on with one CPU thread: small convolutions gain little
    # from a second one, lose much on shared cores, and the weights do not depend on the number of threads.
    one_thread: int = 2**15


RECIPE = ClassifierRecipe()


@dataclass(frozen=True)
class TrainedClassifier:
    """A motion classifier and its accuracy on real clips, as fractions.

    Attributes:
        network: in eval mode, its parameters frozen.
        validation_accuracy: on real validation clips; the weights were selected by it, so it is optimistic.
        test_accuracy: on real test clips; nothing was selected by it.
        chance: accuracy of always predicting the most frequent class; 1 / c if classes are balanced.
        seed: of its initial weights and its order of training clips.
        key: the name of its cache file.
        details: the header of its cache file.
    """

    network: MotionClassifier
    validation_accuracy: float
    test_accuracy: float
    chance: float
    seed: int
    key: str
    details: dict[str, Any]


def cached_classifier(
    clips: Clips,
    split: Split,
    config: Config,
    *,
    seed: int = 0,
    shown: Shown = "clips",
    recipe: ClassifierRecipe = RECIPE,
    progress: Progress | None = None,
) -> TrainedClassifier:
    """The motion classifier of these clips, trained now unless it is cached.

    Args:
        clips, split: real clips: training, selection and test use the three parts.
        config: `model` gives the size of the network, `dataset` the number of classes.
        seed: another seed gives an independent second classifier.
        shown: "first frames" trains the same network on still clips; its accuracy should be near chance.
        progress: called with the mini-batches done, their maximum, and the best accuracy.

    Raises:
        UserError: the split is too small, or the cache folder is not writable.
    """
    facts = _facts(clips, split, config, seed, shown, recipe)
    found = cached_network(facts, lambda: _train(clips, split, config, seed, shown, recipe, progress))
    details = found.details
    return TrainedClassifier(
        network=found.build(lambda: MotionClassifier(config.model, config.dataset.classes)),
        validation_accuracy=float(details["validation_accuracy"]),
        test_accuracy=float(details["test_accuracy"]),
        chance=float(details["chance"]),
        seed=seed,
        key=found.key,
        details=details,
    )


def classifier_key(clips: Clips, split: Split, config: Config, *, seed: int = 0) -> str:
    """The name of the cache file of `cached_classifier`, whether the classifier is trained yet or not."""
    return network_key(_facts(clips, split, config, seed, "clips", RECIPE))


def predict(network: MotionClassifier, frames: Frames, length: int, *, batch: int = 32) -> npt.NDArray[np.float32]:
    """Logits (N, c) of clips, in eval mode.

    Every forward pass takes exactly `batch` clips (the last one is padded), so that the logits of a clip do not depend
    on the other clips.

    Args:
        network: its mode is restored afterwards.
        frames: (N, n, H, W, 3) uint8, n >= T - d; the last T - d are used, d = `discarded_frames` (R15).
        length: T.
    """
    was_training = network.training
    network.eval()
    device = next(network.parameters()).device
    logits = []
    try:
        with torch.inference_mode():
            for filled, count in padded(frames, batch):
                video = classifier_input(to_video(filled), length, network.discarded_frames).to(device)
                logits.append(network(video)[:count].cpu().numpy())
    finally:
        network.train(was_training)
    if not logits:
        return np.zeros((0, network.classes), np.float32)
    return np.concatenate(logits)


def accuracy(logits: npt.NDArray[np.float32], label: npt.NDArray[np.int64]) -> float:
    """Fraction of the rows of `logits` (N, c) whose largest entry is the label's (N,)."""
    return float(np.mean(logits.argmax(axis=1) == label))


def _facts(
    clips: Clips, split: Split, config: Config, seed: int, shown: Shown, recipe: ClassifierRecipe
) -> dict[str, Any]:
    """All that decides what the classifier will be; hashed, it is the key."""
    return {
        "fingerprint": clips.info.fingerprint,
        "reduction": clips.reduction,
        "size": config.model.size,
        "frames": config.model.frames,
        "discarded_frames": config.model.discarded_frames,
        "classes": config.dataset.classes,
        "width": config.model.classifier_width,
        "split_rule": split.rule,
        "split_seed": split.seed,
        "split": split_digest(split),
        "shown": shown,
        "recipe": dataclasses.asdict(recipe),
        "seed": seed,
    }


def _train(
    clips: Clips,
    split: Split,
    config: Config,
    seed: int,
    shown: Shown,
    recipe: ClassifierRecipe,
    progress: Progress | None,
) -> tuple[MotionClassifier, dict[str, Any]]:
    """Trains a classifier and tests it; returns it with the header of its cache file."""
    started = time.monotonic()
    length = config.model.frames
    if len(split.train) < 2 or not len(split.validation) or not len(split.test):
        raise UserError(
            f"{len(split.train)} training, {len(split.validation)} validation and {len(split.test)} test clips are too "
            "few for a motion classifier: give a data set with more clips"
        )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    count = 1 if length * config.model.size**2 <= recipe.one_thread else torch.get_num_threads()
    with cpu_threads(count), torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        network = MotionClassifier(config.model, config.dataset.classes).to(device)
        best = _fit(network, clips, split, config, seed, shown, recipe, progress)
        network.load_state_dict(best.state)
        tested, _ = _score(network, clips, split.test, shown, length)
    if progress is not None:
        progress(best.steps, best.steps, f"validation accuracy {best.score[0]:.1%}, test accuracy {tested:.1%}")
    counts = np.bincount(clips.label)
    return network, {
        "validation_accuracy": best.score[0],
        "test_accuracy": tested,
        "chance": float(counts.max() / counts.sum()),
        "clips": {"train": len(split.train), "validation": len(split.validation), "test": len(split.test)},
        "steps": best.steps,
        "best_step": best.step,
        "seconds": round(time.monotonic() - started, 2),
        "torch": torch.__version__,
    }


@dataclass(frozen=True)
class _BestWeights:
    """The weights with the best score on the validation clips.

    Attributes:
        state: state of the network.
        score: accuracy and minus the loss.
        step: mini-batches after which it was reached.
        steps: mini-batches of the whole training.
    """

    state: dict[str, Tensor]
    score: tuple[float, float]
    step: int
    steps: int


def _fit(
    network: MotionClassifier,
    clips: Clips,
    split: Split,
    config: Config,
    seed: int,
    shown: Shown,
    recipe: ClassifierRecipe,
    progress: Progress | None,
) -> _BestWeights:
    """Trains `network` and selects the weights with the best validation accuracy; ties go to the lower loss."""
    device, length = next(network.parameters()).device, config.model.frames
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.steps)
    random = np.random.default_rng(seed)
    size = min(recipe.batch, len(split.train))
    batches = _batches(split.train, size, random)
    every = max(recipe.evaluate_every, len(split.train) // (2 * size))
    shift = round(recipe.shift * config.model.size)
    best = _BestWeights({}, (-1.0, 0.0), 0, 0)
    waited = faultless = step = 0
    while step < recipe.steps and waited < recipe.patience and faultless < recipe.faultless:
        network.train()
        for _ in range(min(every, recipe.steps - step)):
            batch = next(batches)
            real = randomly_shifted(to_video(_shown(clips, batch, shown)), shift, random)
            video = classifier_input(real, length, network.discarded_frames)
            label = torch.from_numpy(clips.label[batch])
            loss = F.cross_entropy(network(video.to(device)), label.to(device))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            step += 1
        score = _score(network, clips, split.validation, shown, length)
        if score > best.score:
            state = {name: t.detach().clone() for name, t in network.state_dict().items()}
            best, waited = _BestWeights(state, score, step, step), 0
        else:
            waited += 1
        faultless += score[0] == 1.0
        if progress is not None:
            progress(step, recipe.steps, f"validation accuracy {best.score[0]:.1%}")
    return dataclasses.replace(best, steps=step)


def _batches(train: npt.NDArray[np.int64], size: int, random: np.random.Generator) -> Iterator[npt.NDArray[np.int64]]:
    """Yields batches of `train` for ever, in a new random order each epoch; the incomplete last batch is left out."""
    order = np.zeros(0, np.int64)
    while True:
        if len(order) < size:
            order = random.permutation(train)
        yield order[:size]
        order = order[size:]


def _shown(clips: Clips, indices: npt.NDArray[np.int64], shown: Shown) -> Frames:
    frames = clips.frames[indices]
    if shown == "first frames":
        return np.repeat(frames[:, :1], frames.shape[1], axis=1)
    return frames


def _score(
    network: MotionClassifier, clips: Clips, indices: npt.NDArray[np.int64], shown: Shown, length: int
) -> tuple[float, float]:
    """Accuracy and minus the cross entropy on the clips at `indices`: larger is better in both."""
    logits = np.concatenate(
        [
            predict(network, _shown(clips, part, shown), length)
            for part in np.array_split(indices, -(-len(indices) // 256))
        ]
    )
    label = clips.label[indices]
    return accuracy(logits, label), -float(F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(label)))
