"""The keypoint classifier (section 4.1, appendix B.4): training, cache, prediction.

As in the paper, it learns from keypoints that the extractor finds in real training clips. The embedded regressor was
trained on the same frames, so it makes smaller errors there than on clips that it has not seen. The classifier is
trained for a fixed length, so that nothing is selected on held-out clips.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from amc.config import Config
from amc.data.training_data import TrainingData
from amc.errors import UserError
from amc.evaluation.generation import evaluation_mode
from amc.evaluation.judges.fixed_length import fit
from amc.evaluation.judges.judge_cache import cached_network, cpu_threads, split_digest
from amc.evaluation.keypoints.extractor import Points, nothing_found
from amc.evaluation.keypoints.heatmaps import merged_heatmaps
from amc.evaluation.keypoints.summary import MOST_MISSING
from amc.models.keypoint_classifier import KeypointClassifier
from amc.progress import Progress

NO_CLASS = -1
BATCH = 256  # clips per forward pass


@dataclass(frozen=True)
class KeypointRecipe:
    """Training settings. They are part of the cache key; `version` changes with the procedure."""

    version: int = 1
    steps: int = 900  # mini-batches
    batch: int = 64  # clips
    learning_rate: float = 2e-3  # Adam; falls to 0 along a half cosine
    shift: float = 1 / 16  # clips are shifted by up to this fraction of their width
    report_every: int = 50  # mini-batches


RECIPE = KeypointRecipe()


@dataclass(frozen=True)
class TrainedKeypointClassifier:
    """A keypoint classifier.

    Attributes:
        network: in eval mode, its parameters frozen.
        test_accuracy: on points found in real test clips; nothing was selected by it.
        key: the name of its cache file.
        details: the header of its cache file.
    """

    network: KeypointClassifier
    variance: float
    size: int
    test_accuracy: float
    key: str
    details: dict[str, Any]

    def predict(self, points: Points) -> NDArray[np.int64]:
        """Classes (n,) of the points of the last T - d frames, (n, T - d, k, 2); `NO_CLASS` for too few points."""
        return predict(self.network, points, self.size, self.variance)


def cached_keypoint_classifier(
    config: Config,
    data: TrainingData,
    points: Callable[[], tuple[Points, Points]],
    source: str,
    *,
    seed: int = 0,
    recipe: KeypointRecipe = RECIPE,
    progress: Progress | None = None,
) -> TrainedKeypointClassifier:
    """The keypoint classifier of these data, trained now unless it is cached.

    Args:
        points: returns the points of the last T - d frames of the real training and test clips.
        source: the key of the extractor of these points; part of the cache key.
        progress: called with the mini-batches done, their number, and at the end the accuracy on test clips.

    Raises:
        UserError: too few training clips have enough points, or the cache folder is not writable.
    """
    variance = config.readings.heatmap_variance
    facts = {
        "names": "motion by keypoints",
        "fingerprint": data.clips.info.fingerprint,
        "reduction": data.clips.reduction,
        "size": config.model.size,
        "frames": config.model.frames,
        "discarded_frames": config.model.discarded_frames,
        "classes": config.dataset.classes,
        "variance": variance,
        "split_rule": data.split.rule,
        "split_seed": data.split.seed,
        "split": split_digest(data.split),
        "points": source,
        "recipe": dataclasses.asdict(recipe),
        "seed": seed,
    }
    found = cached_network(facts, lambda: _train(config, data, points(), seed, recipe, progress))
    return TrainedKeypointClassifier(
        network=found.build(lambda: KeypointClassifier(config.model, config.dataset.classes)),
        variance=variance,
        size=config.model.size,
        test_accuracy=float(found.details["test_accuracy"]),
        key=found.key,
        details=found.details,
    )


def usable(points: Points) -> NDArray[np.bool_]:
    """Clips (n,) in which at most `MOST_MISSING` of the frames are without any point."""
    result: NDArray[np.bool_] = nothing_found(points).mean(axis=1) <= MOST_MISSING
    return result


def predict(network: KeypointClassifier, points: Points, size: int, variance: float) -> NDArray[np.int64]:
    """Classes (n,) by the points (n, T - d, k, 2) of the last T - d frames.

    A frame without points enters as an empty heatmap. A clip that is not `usable` gets `NO_CLASS`, which is no one's
    class: it counts as wrong, instead of as a guess.
    """
    device = next(network.parameters()).device
    found = [np.zeros(0, np.int64)]
    with cpu_threads(1), evaluation_mode(network), torch.inference_mode():
        for start in range(0, len(points), BATCH):
            part = torch.from_numpy(points[start : start + BATCH])
            filled = F.pad(part, (0, 0, 0, 0, 0, 0, 0, BATCH - len(part)))  # one size: logits depend on no other clip
            logits = network(merged_heatmaps(filled.to(device), size, variance))
            found.append(logits[: len(part)].argmax(1).cpu().numpy())
    return np.where(usable(points), np.concatenate(found), NO_CLASS)


def _train(
    config: Config,
    data: TrainingData,
    points: tuple[Points, Points],
    seed: int,
    recipe: KeypointRecipe,
    progress: Progress | None,
) -> tuple[KeypointClassifier, dict[str, Any]]:
    started = time.monotonic()
    train, test = points
    size, variance = config.model.size, config.readings.heatmap_variance
    fit_on = np.flatnonzero(usable(train))
    label = data.clips.label[data.split.train]
    if len(np.unique(label[fit_on])) < 2:
        raise UserError(
            f"keypoints were found in {len(fit_on)} of {len(train)} real training clips: too few for a keypoint "
            "classifier; use another --extractor"
        )

    def loss(network: KeypointClassifier, draw: np.random.Generator, device: torch.device) -> Tensor:
        chosen = draw.choice(fit_on, recipe.batch)
        here = train[chosen]
        shift = draw.uniform(-recipe.shift, recipe.shift, (recipe.batch, 1, 1, 2))
        moved = torch.from_numpy((here + size * shift).astype(np.float32)).to(device)
        return F.cross_entropy(
            network(merged_heatmaps(moved, size, variance)), torch.from_numpy(label[chosen]).to(device)
        )

    network = fit(lambda: KeypointClassifier(config.model, config.dataset.classes), loss, recipe, seed, progress)
    right = predict(network, test, size, variance) == data.clips.label[data.split.test]
    if progress is not None:
        progress(recipe.steps, recipe.steps, f"accuracy on real test clips {right.mean():.1%}")
    return network, {
        "test_accuracy": float(right.mean()),
        "clips": {"train": len(fit_on), "left_out": len(train) - len(fit_on), "test": len(test)},
        "seconds": round(time.monotonic() - started, 2),
        "torch": torch.__version__,
    }
