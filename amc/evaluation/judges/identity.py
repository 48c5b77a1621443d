"""Identity kept: whether generated clips still show the subject whose frame they were given (objective `appearance`).

A subject classifier, trained on real frames of the training split's subjects, names the subject in every generated
frame. A subject that it never saw is none of its classes, and under the rule "subject" those of the validation and test
splits are such. Identity is therefore measured on clips generated for *training* subjects: it tells trials apart, says
nothing of strangers, and has no counterpart on the test split.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from amc.config import Config
from amc.data.conditions import test_conditions, to_video
from amc.data.training_data import TrainingData
from amc.evaluation.generation import evaluation_mode, generate_clips
from amc.evaluation.judges.judge_cache import kept, parts_digest, threads
from amc.evaluation.judges.subject_frames import Augmentation, Subjects, augmented, divide
from amc.models.subject_classifier import SubjectClassifier
from amc.progress import Progress

MOST_CLIPS = 256  # generated in a look, and no more than the validation split has
SEED = 0  # of the clips chosen and of their velocities and noise: the same for every run, so that runs compare


@dataclass(frozen=True)
class Recipe:
    """How it is trained: to a fixed length, so that nothing is chosen by the held-out clips.

    A change of any value, or of `version` when the procedure changes, makes a new cache key.
    """

    version: int = 1
    steps: int = 600  # mini-batches
    batch: int = 64  # frames
    learning_rate: float = 2e-3  # Adam; falls to 0 along a half cosine
    held_out: float = 1 / 6  # of each subject's sources
    report_every: int = 50  # mini-batches
    augmentation: Augmentation = field(default_factory=Augmentation)


RECIPE = Recipe()


@dataclass(frozen=True)
class IdentityClassifier:
    """A subject classifier and how well it names subjects in real frames it never learnt from.

    Attributes:
        network: in eval mode, its parameters frozen.
        subjects: its classes, and which clips are held out.
        real_accuracy: fraction of the held-out clips' frames (those that are scored in generated clips) named rightly;
            nothing was chosen by it. The most that a generator can be expected to reach.
        chance: accuracy of always naming the subject with most held-out clips; 1 / S where they are balanced.
        key: the name of its cache file.
        details: all that the cache file says about it.
    """

    network: SubjectClassifier
    subjects: Subjects
    real_accuracy: float
    chance: float
    key: str
    details: dict[str, Any]

    def about(self) -> dict[str, Any]:
        """What stands beside identities kept, JSON values."""
        return {
            "real_accuracy": self.real_accuracy,
            "chance": self.chance,
            "subjects": len(self.subjects.known),
            "classifier": self.key,
        }


class Measured(Protocol):
    """What is measured: a training run, or whatever else has a generator."""

    @property
    def generator(self) -> nn.Module: ...
    @property
    def config(self) -> Config: ...
    @property
    def data(self) -> TrainingData: ...


def cached_identity_classifier(
    config: Config, data: TrainingData, *, seed: int = 0, recipe: Recipe = RECIPE, progress: Progress | None = None
) -> IdentityClassifier:
    """The subject classifier of these data, trained now if no earlier run or other process did.

    Args:
        progress: told the mini-batches done, their number, and at the end the accuracy on held-out clips.

    Raises:
        UserError: fewer than two training subjects with two sources each, or an unwritable cache folder.
    """
    subjects = divide(data.clips, data.split, recipe.held_out)
    facts = _facts(config, data, subjects, seed, recipe)
    found = kept(facts, lambda: _train(config, data, subjects, seed, recipe, progress))
    return IdentityClassifier(
        network=found.restored(lambda: SubjectClassifier(config.model.size, len(subjects.known))),
        subjects=subjects,
        real_accuracy=float(found.details["real_accuracy"]),
        chance=float(found.details["chance"]),
        key=found.key,
        details=found.details,
    )


def measure(classifier: IdentityClassifier) -> Callable[[Measured, Callable[[], None]], dict[str, float]]:
    """What a training run calls at every look: its identity kept, as the metric `val/appearance`."""

    def measured(run: Measured, check_pause: Callable[[], None]) -> dict[str, float]:
        return {
            "val/appearance": identity_kept(run.generator, run.config, run.data, classifier, check_pause=check_pause)
        }

    return measured


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
    """Fraction of generated frames in which the classifier names the subject whose first frame was given."""
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
    """For each clip of `judged_clips`, the fraction of its generated frames that show its subject to the classifier.

    Each clip starts from the first frame of a held-out clip of the classifier's and moves with another clip's
    velocities, as at test time (R13). The first frames are not scored: the given one is real, and those after it have
    hardly left it; what counts are the last T - d frames, which the motion classifier sees (R15). Every frame counts by
    itself: a majority of a clip's frames would forgive a subject lost half way.

    Args:
        seed: of the clips, velocities and noise.
        batch: clips generated at once; changes nothing.
        check_pause: called before each batch; an exception that it raises ends the measurement.
    """
    chosen = judged_clips(data, classifier.subjects, seed)
    conditions = test_conditions(config, data, chosen, seed)
    made = generate_clips(generator, config, data, conditions, batch=batch, device=device, check_pause=check_pause)
    result: NDArray[np.float64] = hits(classifier, data, chosen, scored_frames(made, config)).mean(1)
    return result


def judged_clips(data: TrainingData, subjects: Subjects, seed: int) -> NDArray[np.int64]:
    """The held-out clips that identity is measured on: subjects in turn, so that each has as many within one as long
    as it has clips left; at most `MOST_CLIPS` and as many as the validation split."""
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
    """The last T - d frames of (n, t, H, W, 3), t >= T - d: what is never the given frame or near it (R15)."""
    return video[:, video.shape[1] - (config.model.frames - config.model.discarded_frames) :]


def hits(
    classifier: IdentityClassifier, data: TrainingData, chosen: NDArray[np.int64], video: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    """For each frame of `video` (n, t, H, W, 3), whether it shows the subject of its row's clip: (n, t)."""
    named = predict(classifier.network, video.reshape(-1, *video.shape[2:])).argmax(1).reshape(video.shape[:2])
    result: NDArray[np.bool_] = named == classifier.subjects.classes(data.clips, chosen)[:, None]
    return result


def predict(network: SubjectClassifier, frames: NDArray[np.uint8], *, batch: int = 256) -> NDArray[np.float32]:
    """Logits (n, S) of frames (n, H, W, 3), in eval mode.

    Every pass takes exactly `batch` frames, the last one filled up, so that a frame's logits do not depend on how many
    were asked about or which ones.
    """
    device = next(network.parameters()).device
    logits = [np.zeros((0, network.subjects), np.float32)]
    with evaluation_mode(network), torch.inference_mode():
        for start in range(0, len(frames), batch):
            part = frames[start : start + batch]
            filled = np.concatenate([part, np.zeros((batch - len(part), *part.shape[1:]), np.uint8)])
            logits.append(network(to_video(filled, device))[: len(part)].cpu().numpy())
    return np.concatenate(logits)


def _facts(config: Config, data: TrainingData, subjects: Subjects, seed: int, recipe: Recipe) -> dict[str, Any]:
    """All that decides what the classifier will be; hashed, it is the key."""
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
        "split": parts_digest(data.split),
        "recipe": dataclasses.asdict(recipe),
        "seed": seed,
    }


def _train(
    config: Config, data: TrainingData, subjects: Subjects, seed: int, recipe: Recipe, progress: Progress | None
) -> tuple[SubjectClassifier, dict[str, Any]]:
    started = time.monotonic()
    clips = data.clips
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    # So small a network gains little from a second thread, and its weights are then the same for any number.
    with threads(1), torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        network = SubjectClassifier(config.model.size, len(subjects.known)).to(device)
        optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.steps)
        draw = np.random.default_rng(seed)
        network.train()
        for step in range(1, recipe.steps + 1):
            chosen = draw.choice(subjects.fit, size=recipe.batch)
            frames = augmented(clips, chosen, subjects.fit, recipe.augmentation, draw)
            label = torch.from_numpy(subjects.classes(clips, chosen))
            loss = F.cross_entropy(network(frames.to(device)), label.to(device))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            if progress is not None and step % recipe.report_every == 0 and step < recipe.steps:
                progress(step, recipe.steps)
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
