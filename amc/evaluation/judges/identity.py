"""Identity kept: whether generated clips still show the subject of the given frame (objective `appearance`).

A subject classifier, trained on real frames of the training subjects, names the subject in every generated frame. It
has no class for other subjects, and under the split rule "subject" all validation and test subjects are others.
Identity is therefore measured on clips generated for *training* subjects: it can rank trials, says nothing about
unseen subjects, and is not measured on the test split.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from amc.config import Config
from amc.data.conditions import test_conditions, to_video
from amc.data.training_data import TrainingData
from amc.evaluation.generation import evaluation_mode, generate_clips
from amc.evaluation.judges.fixed_length import fit
from amc.evaluation.judges.judge_cache import cached_network, cpu_threads, network_key, padded, split_digest
from amc.evaluation.judges.subject_frames import Augmentation, Subjects, augmented, divide
from amc.models.subject_classifier import SubjectClassifier
from amc.progress import Progress
from amc.training.loop import Evaluation
from amc.training.run import Run

MOST_CLIPS = 256  # per evaluation; at most as many as the validation split has
SEED = 0  # of the clips, velocities and noise: the same for every run, so that runs can be compared


@dataclass(frozen=True)
class IdentityRecipe:
    """Training settings: a fixed length, so that nothing is selected on the held-out clips.

    They are part of the cache key; `version` changes with the procedure.
    """

    version: int = 1
    steps: int = 600  # mini-batches
    batch: int = 64  # frames
    learning_rate: float = 2e-3  # Adam; falls to 0 along a half cosine
    held_out: float = 1 / 6  # of each subject's sources
    report_every: int = 50  # mini-batches
    augmentation: Augmentation = field(default_factory=Augmentation)


RECIPE = IdentityRecipe()


@dataclass(frozen=True)
class IdentityClassifier:
    """A subject classifier and its accuracy on held-out real frames.

    Attributes:
        network: in eval mode, its parameters frozen.
        subjects: its classes, and the clips that are held out.
        real_accuracy: accuracy on the frames of held-out clips (those frames that are scored in generated clips): the
            most that a generator can be expected to reach. Nothing was selected by it.
        chance: accuracy of always predicting the subject with most held-out clips; 1 / S if they are balanced.
        key: of its cache file.
        details: the header of its cache file.
    """

    network: SubjectClassifier
    subjects: Subjects
    real_accuracy: float
    chance: float
    key: str
    details: dict[str, Any]

    def about(self) -> dict[str, Any]:
        """Facts that are recorded beside identities kept, as JSON values."""
        return {
            "real_accuracy": self.real_accuracy,
            "chance": self.chance,
            "subjects": len(self.subjects.known),
            "classifier": self.key,
        }


def cached_identity_classifier(
    config: Config,
    data: TrainingData,
    *,
    seed: int = 0,
    recipe: IdentityRecipe = RECIPE,
    progress: Progress | None = None,
) -> IdentityClassifier:
    """The subject classifier of these data, trained now unless it is cached.

    Args:
        progress: called with the mini-batches done, their number, and at the end the accuracy on held-out clips.

    Raises:
        UserError: fewer than two training subjects have two sources each, or the cache folder is not writable.
    """
    subjects = divide(data.clips, data.split, recipe.held_out)
    facts = _facts(config, data, subjects, seed, recipe)
    found = cached_network(facts, lambda: _train(config, data, subjects, seed, recipe, progress))
    return IdentityClassifier(
        network=found.build(lambda: SubjectClassifier(config.model.size, len(subjects.known))),
        subjects=subjects,
        real_accuracy=float(found.details["real_accuracy"]),
        chance=float(found.details["chance"]),
        key=found.key,
        details=found.details,
    )


def identity_key(config: Config, data: TrainingData) -> str:
    """The name of the cache file of `cached_identity_classifier`, whether the classifier is trained yet or not."""
    return network_key(_facts(config, data, divide(data.clips, data.split, RECIPE.held_out), 0, RECIPE))


def identity_evaluation(classifier: IdentityClassifier) -> Evaluation:
    """An evaluation for `train`: identity kept, as the metric `val/appearance`."""

    def evaluate(run: Run, check_pause: Callable[[], None]) -> dict[str, float]:
        kept = identity_kept(run.generator, run.config, run.data, classifier, check_pause=check_pause)
        return {"val/appearance": kept}

    return evaluate


def identity_kept(
    generator: nn.Module,
    config: Config,
    data: TrainingData,
    classifier: IdentityClassifier,
    *,
    seed: int = SEED,
    batch: int = 32,
    check_pause: Callable[[], None] = lambda: None,
) -> float:
    """Fraction of generated frames in which the classifier recognises the subject of the given first frame."""
    return float(
        identity_by_clip(generator, config, data, classifier, seed=seed, batch=batch, check_pause=check_pause).mean()
    )


def identity_by_clip(
    generator: nn.Module,
    config: Config,
    data: TrainingData,
    classifier: IdentityClassifier,
    *,
    seed: int = SEED,
    batch: int = 32,
    device: torch.device | None = None,
    check_pause: Callable[[], None] = lambda: None,
) -> NDArray[np.float64]:
    """For each clip of `identity_clips`, the fraction of generated frames in which its subject is recognised.

    Each clip starts from the first frame of a held-out clip and moves with another clip's velocities, as at test time
    (R13). Only the last T - d frames are scored, those that the motion classifier sees (R15): the first ones are real
    or close to it. Frames count one by one, since a majority vote over a clip would hide a subject lost half way.

    Args:
        seed: of the clips, velocities and noise.
        batch: clips per forward pass; does not change the result.
        check_pause: called before each batch; an exception that it raises ends the measurement.
    """
    chosen = identity_clips(data, classifier.subjects, seed)
    conditions = test_conditions(config, data, chosen, seed)
    made = generate_clips(generator, config, data, conditions, batch=batch, device=device, check_pause=check_pause)
    result: NDArray[np.float64] = subject_recognised(classifier, data, chosen, scored_frames(made, config)).mean(1)
    return result


def identity_clips(data: TrainingData, subjects: Subjects, seed: int) -> NDArray[np.int64]:
    """The held-out clips that identity is measured on: subjects take turns, so that their numbers differ by at most one
    while clips are left. At most `MOST_CLIPS`, and no more than the validation split has."""
    order = np.random.default_rng(seed).permutation(subjects.held_out)
    who = data.clips.subject[order]
    turn = np.zeros(len(order), np.int64)
    for subject in subjects.known:
        mine = who == subject
        turn[mine] = np.arange(mine.sum())
    first = np.lexsort((who, turn))
    result: NDArray[np.int64] = np.sort(order[first[: min(MOST_CLIPS, len(data.split.validation))]])
    return result


def scored_frames(video: NDArray[np.uint8], config: Config) -> NDArray[np.uint8]:
    """The last T - d frames of (n, t, H, W, 3), t >= T - d (R15)."""
    return video[:, video.shape[1] - (config.model.frames - config.model.discarded_frames) :]


def subject_recognised(
    classifier: IdentityClassifier, data: TrainingData, chosen: NDArray[np.int64], video: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    """For each frame of `video` (n, t, H, W, 3), whether the subject of its clip is recognised: (n, t)."""
    named = predict(classifier.network, video.reshape(-1, *video.shape[2:])).argmax(1).reshape(video.shape[:2])
    result: NDArray[np.bool_] = named == classifier.subjects.classes(data.clips, chosen)[:, None]
    return result


def predict(network: SubjectClassifier, frames: NDArray[np.uint8], *, batch: int = 256) -> NDArray[np.float32]:
    """Logits (n, S) of frames (n, H, W, 3), in eval mode.

    Every forward pass takes exactly `batch` frames (the last one is padded), so that the logits of a frame do not
    depend on the other frames.
    """
    device = next(network.parameters()).device
    logits = [np.zeros((0, network.subjects), np.float32)]
    with evaluation_mode(network), torch.inference_mode():
        for filled, count in padded(frames, batch):
            logits.append(network(to_video(filled, device))[:count].cpu().numpy())
    return np.concatenate(logits)


def _facts(config: Config, data: TrainingData, subjects: Subjects, seed: int, recipe: IdentityRecipe) -> dict[str, Any]:
    """Everything that the weights depend on; its hash is the key."""
    return {
        "names": "subjects",
        "fingerprint": data.clips.info.fingerprint,
        "reduction": data.clips.reduction,
        "size": config.model.size,
        "frames": config.model.frames,
        "discarded_frames": config.model.discarded_frames,
        "subjects": subjects.known.tolist(),
        "split_rule": data.split.rule,
        "split_seed": data.split.seed,
        "split": split_digest(data.split),
        "recipe": dataclasses.asdict(recipe),
        "seed": seed,
    }


def _train(
    config: Config, data: TrainingData, subjects: Subjects, seed: int, recipe: IdentityRecipe, progress: Progress | None
) -> tuple[SubjectClassifier, dict[str, Any]]:
    started = time.monotonic()
    clips = data.clips

    def loss(network: SubjectClassifier, draw: np.random.Generator, device: torch.device) -> Tensor:
        chosen = draw.choice(subjects.fit, size=recipe.batch)
        frames = augmented(clips, chosen, subjects.fit, recipe.augmentation, draw)
        label = torch.from_numpy(subjects.classes(clips, chosen))
        return F.cross_entropy(network(frames.to(device)), label.to(device))

    network = fit(lambda: SubjectClassifier(config.model.size, len(subjects.known)), loss, recipe, seed, progress)
    with cpu_threads(1):
        held = scored_frames(clips.frames[subjects.held_out], config)
        label_held = subjects.classes(clips, subjects.held_out)
        named = predict(network, held.reshape(-1, *held.shape[2:])).argmax(1).reshape(held.shape[:2])
        real = float((named == label_held[:, None]).mean())
    counts = np.bincount(label_held)
    if progress is not None:
        progress(recipe.steps, recipe.steps, f"accuracy on held-out clips {real:.1%}, {len(counts)} subjects")
    return network, {
        "real_accuracy": real,
        "chance": float(counts.max() / counts.sum()),
        "clips": {"fit": len(subjects.fit), "held_out": len(subjects.held_out)},
        "seconds": round(time.monotonic() - started, 2),
        "torch": torch.__version__,
    }
