"""Appearance and motion conditions, matched and mismatched (sections 3.1 and 3.3), and training batches.

The random numbers of step s come from a generator seeded with (training seed, stream, s). Resuming from a checkpoint
therefore needs no saved random state, and two arms with the same seed see the same clips, mismatches and noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from amc.config import Config
from amc.data.training_data import TrainingData
from amc.errors import UserError

_ORDER, _STEP, _TEST = 1, 2, 3  # random streams


@dataclass(frozen=True)
class Batch:
    """A mini-batch: clips x, their conditions y and mismatched conditions y'.

    Attributes:
        clip: (B, T, 3, H, W) in [-1, 1]; its first frame is ya.
        motion: (B, T-1, q), ym: one-hot class, then velocities in [-1, 1].
        other_appearance: (B, 3, H, W), ya'.
        other_motion: (B, T-1, q), ym'.
        noise: (B, p), z, standard normal.
        centres: (B, K), the middle frame t of each triplet that Da sees, from 1 to T-2, counted from 0 (R8).
        classes: c, the number of classes.
    """

    clip: Tensor
    motion: Tensor
    other_appearance: Tensor
    other_motion: Tensor
    noise: Tensor
    centres: Tensor
    classes: int

    @property
    def appearance(self) -> Tensor:
        """ya: (B, 3, H, W)."""
        return self.clip[:, 0]


class Batches:
    """The training batches of a run; each is a function of (seed, step)."""

    def __init__(self, config: Config, data: TrainingData, device: torch.device | None = None) -> None:
        self.config, self.data = config, data
        self.device = device or torch.device("cpu")
        self._train = data.split.train
        labels, subjects, sources = (
            column[self._train] for column in (data.clips.label, data.clips.subject, data.clips.source_clip)
        )
        self._by_class = _Groups(labels)
        # Clips of unknown subjects are grouped by source, with negative numbers.
        self._by_look = _Groups(np.where(subjects >= 0, subjects, -1 - sources))
        if len(np.unique(labels)) < 2 and config.readings.mismatched_motion == "class":
            raise UserError("the training split has clips of only one class: choose data with at least two classes")
        self._epoch: tuple[int, NDArray[np.int64]] = (-1, self._train)

    def __call__(self, step: int) -> Batch:
        """The batch of a step, counted from 0."""
        config = self.config
        rng = np.random.default_rng([config.seed, _STEP, step])
        index = self._order(step)
        motion = [self._mismatched_motion(int(i), rng) for i in index]
        appearance = [self._mismatched_appearance(int(i), rng) for i in index]
        b = len(index)
        noise = rng.standard_normal((b, config.model.noise), dtype=np.float32)
        centres = _centres(config, b, rng)
        clips = self.data.clips
        return Batch(
            clip=to_video(clips.frames[index], self.device),
            motion=self.motion(index, index),
            other_appearance=to_video(clips.frames[appearance, 0], self.device),
            other_motion=self.motion(motion, motion),
            noise=torch.from_numpy(noise).to(self.device),
            centres=torch.from_numpy(centres).to(self.device),
            classes=config.dataset.classes,
        )

    def motion(self, label_of: NDArray[np.int64] | list[int], velocity_of: NDArray[np.int64] | list[int]) -> Tensor:
        """Motion conditions (n, T-1, q) with the labels of some clips and the velocities of others."""
        labels = torch.from_numpy(self.data.clips.label[label_of])
        velocity = torch.from_numpy(self.data.velocity[velocity_of])
        return motion_condition(labels, velocity, self.config.dataset.classes).to(self.device)

    def _order(self, step: int) -> NDArray[np.int64]:
        """Clips of a step. The training split is shuffled in each epoch, and an incomplete batch is dropped."""
        batch = min(self.config.training.batch, len(self._train))
        epoch, at = divmod(step, len(self._train) // batch)
        if self._epoch[0] != epoch:
            rng = np.random.default_rng([self.config.seed, _ORDER, epoch])
            self._epoch = (epoch, rng.permutation(self._train))
        return self._epoch[1][at * batch : (at + 1) * batch]

    def _mismatched_motion(self, clip: int, rng: np.random.Generator) -> int:
        """A training clip of another class (R20)."""
        if self.config.readings.mismatched_motion == "any":
            return int(rng.choice(self._train))
        return int(self._train[self._by_class.other(int(self.data.clips.label[clip]), rng)])

    def _mismatched_appearance(self, clip: int, rng: np.random.Generator) -> int:
        """A training clip of another subject or, if the subject is unknown, of another source (R20)."""
        if self.config.readings.mismatched_appearance == "any":
            return int(rng.choice(self._train))
        subject, source = int(self.data.clips.subject[clip]), int(self.data.clips.source_clip[clip])
        return int(self._train[self._by_look.other(subject if subject >= 0 else -1 - source, rng)])


class _Groups:
    """Members 0 to n-1 in groups; draws from all groups but one without storing their members for each group."""

    def __init__(self, group: NDArray[np.int64]) -> None:
        self._count = len(group)
        order = np.argsort(group, kind="stable")
        names, starts = np.unique(group[order], return_index=True)
        # For each group, the number of members of other groups before its first, second, ... member.
        self._before = {
            int(name): places - np.arange(len(places))
            for name, places in zip(names, np.split(order, starts[1:]), strict=True)
        }

    def other(self, group: int, rng: np.random.Generator) -> int:
        """A uniformly drawn member of another group; of any group if there is only one.

        Equal to `rng.choice` of the sorted others, with the same use of `rng`.
        """
        before = self._before[group]
        if len(before) == self._count:
            return int(rng.integers(self._count))
        drawn = int(rng.integers(self._count - len(before)))
        return drawn + int(np.searchsorted(before, drawn, side="right"))


def centre_count(config: Config) -> int:
    """K, the number of triplets per clip that Da sees in a step (R8)."""
    return config.readings.centres or config.model.frames - 1 - _first_centre(config)


def _first_centre(config: Config) -> int:
    # The first frame is the real ya; a triplet with it would identify clips of a generator that does not see ya.
    return 1 if config.switches.ya else min(2, config.model.frames - 2)


def _centres(config: Config, clips: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """(B, K) middle frames, drawn at random for each clip; all in order if `centres` is 0 (R8)."""
    first, last = _first_centre(config), config.model.frames - 2
    if config.readings.centres == 0:
        return np.tile(np.arange(first, last + 1), (clips, 1))
    return np.maximum(rng.integers(1, last + 1, size=(clips, config.readings.centres)), first)


def motion_condition(labels: Tensor, velocity: Tensor, classes: int) -> Tensor:
    """The motion condition ym: the one-hot class, repeated at each step, and the velocities.

    Args:
        labels: (B,) integers.
        velocity: (B, T-1, 2k) in [-1, 1].
        classes: c, the number of classes.

    Returns:
        (B, T-1, c + 2k) float32.
    """
    onehot = torch.nn.functional.one_hot(labels, classes).to(velocity.dtype)
    return torch.cat([onehot[:, None].expand(-1, velocity.shape[1], -1), velocity], dim=2)


def to_video(frames: NDArray[np.uint8], device: torch.device | None = None) -> Tensor:
    """Converts uint8 (..., H, W, 3) to float32 (..., 3, H, W) in [-1, 1]; copies bytes, not floats, to the device."""
    if device is None or device.type == "cpu":
        video = torch.empty(frames.shape, dtype=torch.float32)
        # Clip by clip, so that each stays in the CPU cache, and on one thread: on a busy machine, synchronizing
        # several takes longer than the work.
        for out, part in zip(video.numpy(), frames, strict=True):
            np.divide(part, np.float32(127.5), out=out)
            np.subtract(out, np.float32(1), out=out)
        return video.movedim(-1, -3)
    pixels = torch.from_numpy(frames if frames.flags.writeable else frames.copy())
    if device.type == "cuda":  # from pinned memory, so that the copy is asynchronous
        pixels = pixels.pin_memory()
    return pixels.to(device, non_blocking=True).movedim(-1, -3).float().div_(127.5).sub_(1)


def to_frames(video: Tensor) -> NDArray[np.uint8]:
    """Converts float (..., 3, H, W) in [-1, 1] to uint8 (..., H, W, 3)."""
    frames: NDArray[np.uint8] = (
        video.float().add(1).mul(127.5).round().clamp(0, 255).byte().movedim(-3, -1).cpu().numpy()
    )
    return frames


@dataclass(frozen=True)
class TestConditions:
    """Inputs of the generator for a list of clips in evaluation (R13).

    Attributes:
        clips: (n,) clips whose first frame and class are used.
        velocity_of: (n,) clips whose velocities are used: training clips of the same class, or `clips` themselves.
        noise: (n, p).
    """

    __test__ = False  # not a test case for pytest

    clips: NDArray[np.int64]
    velocity_of: NDArray[np.int64]
    noise: NDArray[np.float32]


def test_conditions(config: Config, data: TrainingData, clips: NDArray[np.int64], seed: int) -> TestConditions:
    """Draws velocities and noise for clips. Each clip has its own generator, so order and batching do not matter.

    With `test_velocity="own"` clips keep their true velocities; the noise does not change (R13).
    """
    train, label = data.split.train, data.clips.label
    of_class = {int(c): train[label[train] == c] for c in np.unique(label[train])}
    velocity_of, noise = [], []
    for clip in clips:
        rng = np.random.default_rng([seed, _TEST, int(clip)])
        drawn = int(rng.choice(of_class[int(label[clip])]))
        velocity_of.append(int(clip) if config.readings.test_velocity == "own" else drawn)
        noise.append(rng.standard_normal(config.model.noise, dtype=np.float32))
    return TestConditions(np.asarray(clips, dtype=np.int64), np.array(velocity_of, dtype=np.int64), np.stack(noise))


test_conditions.__test__ = False  # type: ignore[attr-defined]
