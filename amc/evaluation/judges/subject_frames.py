"""Training frames of the subject classifier, and the source clips that are held out.

If every subject has a background of its own, a classifier that looks at backgrounds would recognise subjects that a
generator has lost, since backgrounds are easy to copy. So each performer (the pixels near valid keypoints) is pasted
onto the background of a random other frame, from which the performer is removed: backgrounds carry no information.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from amc.data.clips import Clips
from amc.data.conditions import to_video
from amc.data.splits import Split
from amc.errors import UserError
from amc.evaluation.judges.judge_cache import randomly_shifted


@dataclass(frozen=True)
class Augmentation:
    """Augmentation of real frames, so that blurred, pale or noisy generated frames are still recognised."""

    reach: float = (
        0.1  # of the width: pixels nearer than this to a valid keypoint are the performer, the rest background
    )
    shift: float = 1 / 16  # maximum, of the width
    light: float = 0.1  # each colour channel is multiplied by at most 1 +- this
    soft: float = 1.0  # maximum weight of the 3x3 mean, in half of the frames
    noise: float = 0.1  # maximum standard deviation, where black is -1 and white 1


@dataclass(frozen=True)
class Subjects:
    """The subjects that the classifier distinguishes, and their training and held-out clips.

    Attributes:
        known: (S,) sorted numbers of the subjects with two or more sources in the training split: the classes.
        fit: (n,) clips for training.
        held_out: (m,) clips of other sources of every subject, for testing only.
    """

    known: NDArray[np.int64]
    fit: NDArray[np.int64]
    held_out: NDArray[np.int64]

    def classes(self, clips: Clips, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
        """The class, 0 ... S-1, of each clip."""
        return np.searchsorted(self.known, clips.subject[chosen]).astype(np.int64)


def divide(clips: Clips, split: Split, share: float) -> Subjects:
    """Holds out whole sources: of each subject the fraction `share`, and at least one.

    The choice depends on the numbers of subjects and sources, not on positions.

    Raises:
        UserError: fewer than two subjects with two sources each.
    """
    subject, source = clips.subject[split.train], clips.source_clip[split.train]
    known, held = [], set()
    for who in np.unique(subject[subject >= 0]).tolist():
        ranked = sorted(np.unique(source[subject == who]).tolist(), key=lambda s: _rank(who, s))
        if len(ranked) >= 2:
            known.append(who)
            held |= set(ranked[: min(max(1, round(len(ranked) * share)), len(ranked) - 1)])
    if len(known) < 2:
        raise UserError(
            f"identity cannot be measured: {len(known)} training subjects have two or more videos, at least two are "
            "needed; import the videos with --subject-pattern, or remove appearance from --objectives"
        )
    taken = np.isin(subject, known)
    out = np.isin(source, sorted(held))
    return Subjects(np.array(known, np.int64), split.train[taken & ~out], split.train[taken & out])


def augmented(
    clips: Clips, chosen: NDArray[np.int64], pool: NDArray[np.int64], how: Augmentation, draw: np.random.Generator
) -> Tensor:
    """A frame of each chosen clip, its performer on the background of a random frame of `pool`, augmented.

    Returns:
        (B, 3, H, W) in [-1, 1].
    """
    b, length, size = len(chosen), clips.frames.shape[1], clips.frames.shape[2]
    reach = how.reach * size
    at = draw.integers(0, length, size=b)
    near = performer(clips.keypoints[chosen, at], clips.keypoints_valid[chosen, at], size, reach)
    other, when = draw.choice(pool, size=b), draw.integers(0, length, size=b)
    taken = performer(clips.keypoints[other, when], clips.keypoints_valid[other, when], size, reach)
    behind = painted_over(clips.frames[other, when], taken)
    frames = to_video(np.where(near[..., None], clips.frames[chosen, at], behind))
    frames = randomly_shifted(frames[:, None], round(how.shift * size), draw)[:, 0]
    return degraded(frames, how, draw)


def degraded(frames: Tensor, how: Augmentation, draw: np.random.Generator) -> Tensor:
    """Frames (B, 3, H, W) in [-1, 1], some blurred, all recoloured and noisy, as generated ones may be."""
    b = len(frames)

    def amounts(most: float, *shape: int) -> Tensor:
        return torch.from_numpy(draw.uniform(0, most, size=(b, *shape)).astype(np.float32))

    soft = (amounts(2.0, 1, 1, 1) - 1).clamp_(0) * how.soft  # none in half of the frames
    means = F.avg_pool2d(F.pad(frames, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    frames = torch.lerp(frames, means, soft)
    light = 1 - how.light + amounts(2 * how.light, 3, 1, 1)
    noise = torch.from_numpy(draw.standard_normal(frames.shape, dtype=np.float32)) * amounts(how.noise, 1, 1, 1)
    return ((frames + 1) * light - 1 + noise).clamp_(-1, 1)


def performer(keypoints: NDArray[np.float32], valid: NDArray[np.bool_], size: int, reach: float) -> NDArray[np.bool_]:
    """(B, size, size), true within `reach` pixels of a valid keypoint; all true for a frame without any.

    Args:
        keypoints: (B, k, 2), pixels (x, y).
        valid: (B, k).
    """
    pixel = np.arange(size, dtype=np.float32)
    x = np.square(pixel[None, None] - keypoints[..., 0, None])  # (B, k, W)
    y = np.square(pixel[None, None] - keypoints[..., 1, None])  # (B, k, H)
    near: NDArray[np.bool_] = (y[..., :, None] + x[..., None, :] <= reach**2) & valid[..., None, None]
    known = np.asarray(valid.any(axis=1))[:, None, None]
    result: NDArray[np.bool_] = near.any(axis=1) | ~known
    return result


def painted_over(frames: NDArray[np.uint8], where: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Frames (B, H, W, 3) with the pixels in `where` (B, H, W) set to the mean colour of the other pixels."""
    rest = ~where | np.asarray(where.all(axis=(1, 2), keepdims=True))
    mean = (frames * rest[..., None]).sum(axis=(1, 2)) / rest.sum(axis=(1, 2))[:, None]
    return np.where(where[..., None], np.rint(mean).astype(np.uint8)[:, None, None], frames)


def _rank(subject: int, source: int) -> bytes:
    return hashlib.sha256(f"{subject}/{source}".encode()).digest()
