"""The embedded keypoint extractor: a network trained on the data set's own keypoints of the training split.

A point counts as found if the network puts at least half of its probability within a cell (two pixels) of the peak. The
error on the test split, whose subjects it has not seen under the default split rule, belongs beside every accuracy
that its points lead to.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from amc.config import Config
from amc.data.conditions import to_video
from amc.data.training_data import TrainingData
from amc.errors import UserError
from amc.evaluation.generation import evaluation_mode
from amc.evaluation.judges.fixed_length import fit
from amc.evaluation.judges.judge_cache import cached_network, cpu_threads, padded, split_digest
from amc.evaluation.judges.subject_frames import Augmentation, degraded
from amc.evaluation.keypoints.extractor import Points, valid_points
from amc.models.keypoint_regressor import KeypointRegressor, points_of, target_maps
from amc.progress import Progress

NAME = "regressor"
BATCH = 256  # frames per forward pass


@dataclass(frozen=True)
class RegressorRecipe:
    """Training settings. They are part of the cache key; `version` changes with the procedure."""

    version: int = 1
    steps: int = 600  # mini-batches
    batch: int = 64  # frames
    learning_rate: float = 3e-3  # Adam; falls to 0 along a half cosine
    confident: float = 0.5  # least probability around the peak of a point that counts as found
    report_every: int = 50  # mini-batches
    augmentation: Augmentation = field(default_factory=Augmentation)


RECIPE = RegressorRecipe()


@dataclass(frozen=True)
class HeldOutError:
    """How well points are found in frames of the test split that show valid keypoints.

    Attributes:
        pixels: mean distance of the points found from the true ones.
        share: mean of the distance divided by the diagonal of the box around the frame's valid keypoints.
        found: fraction of the valid keypoints that were found.
        frames: number of frames.
    """

    pixels: float
    share: float
    found: float
    frames: int


@dataclass(frozen=True)
class Regressor:
    """The trained extractor; `error` is measured on the test split, by which nothing was selected."""

    network: KeypointRegressor
    error: HeldOutError
    confident: float
    key: str
    details: dict[str, Any]
    name: str = NAME

    def __call__(self, frames: NDArray[np.uint8], /) -> Points:
        """The points (n, t, k, 2) of clips (n, t, H, W, 3) at the size that the network was trained at."""
        return find_points(self.network, frames, self.confident)

    def about(self) -> Mapping[str, Any]:
        """The held-out error, and the key of its cache file."""
        return {"extractor": self.name, "held_out_error": dataclasses.asdict(self.error), "regressor": self.key}


def cached_regressor(
    config: Config,
    data: TrainingData,
    *,
    seed: int = 0,
    recipe: RegressorRecipe = RECIPE,
    progress: Progress | None = None,
) -> Regressor:
    """The regressor of these data, trained now unless it is cached.

    Args:
        progress: called with the mini-batches done, their number, and at the end the held-out error.

    Raises:
        UserError: a keypoint is not valid in any training frame, or the cache folder is not writable.
    """
    check_keypoints(data)
    facts = {
        "finds": "keypoints",
        "fingerprint": data.clips.info.fingerprint,
        "reduction": data.clips.reduction,
        "size": config.model.size,
        "frames": config.model.frames,
        "keypoints": config.dataset.keypoints,
        "split_rule": data.split.rule,
        "split_seed": data.split.seed,
        "split": split_digest(data.split),
        "recipe": dataclasses.asdict(recipe),
        "seed": seed,
    }
    found = cached_network(facts, lambda: _train(config, data, seed, recipe, progress))
    return Regressor(
        network=found.build(lambda: KeypointRegressor(config.dataset.keypoints)),
        error=HeldOutError(**found.details["held_out_error"]),
        confident=recipe.confident,
        key=found.key,
        details=found.details,
    )


def check_keypoints(data: TrainingData) -> None:
    """Checks that every keypoint is valid in some training frame.

    Raises:
        UserError: one is not.
    """
    valid = np.asarray(data.clips.keypoints_valid[data.split.train].any(axis=(0, 1)))
    never = [name for name, known in zip(data.clips.info.keypoint_names, valid, strict=True) if not known]
    if never:
        which = "no keypoints" if len(never) == len(valid) else f"no valid keypoint {never[0]!r}"
        raise UserError(
            f"the training clips of {data.clips.info.name!r} have {which}, from which keypoints could be learned: "
            "import the videos again with --keypoints or a pose estimator"
        )


def find_points(network: KeypointRegressor, frames: NDArray[np.uint8], confident: float) -> Points:
    """The points (n, t, k, 2) of clips (n, t, H, W, 3), NaN below the confidence `confident`."""
    flat = frames.reshape(-1, *frames.shape[2:])
    device = next(network.parameters()).device
    points = [np.zeros((0, network.keypoints, 2), np.float32)]
    with cpu_threads(1), evaluation_mode(network), torch.inference_mode():
        for filled, count in padded(flat, BATCH):
            found, confidence = points_of(network(to_video(filled, device)))
            found[confidence < confident] = torch.nan
            points.append(found[:count].cpu().numpy())
    return np.concatenate(points).reshape(*frames.shape[:2], network.keypoints, 2)


def held_out_error(found: Points, true: Points) -> HeldOutError:
    """The error of points (n, t, k, 2) against true keypoints, NaN where not valid."""
    valid = ~np.isnan(true[..., 0])
    distance = np.sqrt(np.square(found - true).sum(-1))  # NaN where either is
    low = np.where(valid[..., None], true, np.inf).min(axis=2)
    high = np.where(valid[..., None], true, -np.inf).max(axis=2)
    diagonal = np.sqrt(np.square(np.maximum(high - low, 0)).sum(-1))  # 0 in a frame without valid keypoints
    both = ~np.isnan(distance)
    sized = both & (diagonal > 0)[..., None]
    ratio = distance / np.where(diagonal > 0, diagonal, 1)[..., None]
    return HeldOutError(
        pixels=float(distance[both].mean()) if both.any() else float("nan"),
        share=float(ratio[sized].mean()) if sized.any() else float("nan"),
        found=float(both.sum() / max(1, valid.sum())),
        frames=int(valid.any(axis=2).sum()),
    )


def _train(
    config: Config, data: TrainingData, seed: int, recipe: RegressorRecipe, progress: Progress | None
) -> tuple[KeypointRegressor, dict[str, Any]]:
    started = time.monotonic()
    clips, train, size = data.clips, data.split.train, config.model.size
    shift = round(recipe.augmentation.shift * size)

    def loss(network: KeypointRegressor, draw: np.random.Generator, device: torch.device) -> Tensor:
        chosen, at = draw.choice(train, recipe.batch), draw.integers(0, clips.frames.shape[1], recipe.batch)
        frames, points = shifted(to_video(clips.frames[chosen, at]), clips.keypoints[chosen, at], shift, draw)
        target = target_maps(points, size).to(device)
        logits = network(degraded(frames, recipe.augmentation, draw).to(device))
        missed = -(target * logits.flatten(2).log_softmax(2).view_as(target)).sum((2, 3))
        valid = torch.from_numpy(clips.keypoints_valid[chosen, at]).to(device)
        mean: Tensor = (missed * valid).sum() / valid.sum().clamp(min=1)
        return mean

    network = fit(lambda: KeypointRegressor(config.dataset.keypoints), loss, recipe, seed, progress)
    test = data.split.test
    true = valid_points(clips.keypoints[test], clips.keypoints_valid[test])
    error = held_out_error(find_points(network, clips.frames[test], recipe.confident), true)
    if progress is not None:
        progress(recipe.steps, recipe.steps, f"held-out error {error.pixels:.2f} pixels, {error.share:.1%} of the size")
    return network, {
        "held_out_error": dataclasses.asdict(error),
        "clips": {"train": len(train), "test": len(test)},
        "seconds": round(time.monotonic() - started, 2),
        "torch": torch.__version__,
    }


def shifted(frames: Tensor, points: NDArray[np.float32], most: int, draw: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Frames (B, 3, H, W) moved by up to `most` pixels on either axis, repeating their borders, and their points."""
    by = draw.integers(-most, most + 1, size=(len(frames), 2))
    h, w = frames.shape[2:]
    large = F.pad(frames, (most,) * 4, mode="replicate") if most else frames
    moved = [
        image[:, most - y : most - y + h, most - x : most - x + w] for image, (x, y) in zip(large, by, strict=True)
    ]
    return torch.stack(moved), torch.from_numpy(points + by[:, None].astype(np.float32))
