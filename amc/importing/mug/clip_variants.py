"""Which clips a take gives: T frames around its peak at a random stride, flipped or not.

Appendix B.1: 32 frames, 23 before the peak and 8 after, "random horizontal flipping", "a random stride (1, 2, or 3)".
The number of clips per take is not given; 3,840 clips of 931 takes are 4.1 per take. The variants of a take are
distinct. Randomness depends on the seed and the take's name only, not on other takes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from amc.data.datasets.mug import STRIDES, peak_index

DRAWS = 4  # clips per take


@dataclass(frozen=True, order=True)
class ClipVariant:
    """A clip of a take: every `stride`-th frame, flipped or not."""

    stride: int
    flip: bool


def span(frames: int, stride: int) -> int:
    """Number of frames of the take that a clip of T frames covers."""
    return (frames - 1) * stride + 1


def clip_frames(length: int, peak: int, frames: int, stride: int) -> range | None:
    """The frames of a take that make a clip, with the peak at `peak_index`, shifted to stay inside the take (R22).

    Args:
        length: number of frames of the take.
        peak: its peak frame, counted from 0.
        frames: T.
        stride: distance between two frames of the clip in frames of the take.

    Returns:
        T frame numbers; None if the take is too short.
    """
    latest = length - span(frames, stride)
    if latest < 0:
        return None
    start = min(max(0, peak - peak_index(frames) * stride), latest)
    return range(start, start + span(frames, stride), stride)


def possible_variants(length: int, frames: int, strides: Iterable[int] = STRIDES) -> tuple[ClipVariant, ...]:
    """All variants that a take of `length` frames allows."""
    return tuple(ClipVariant(s, flip) for s in strides if span(frames, s) <= length for flip in (False, True))


def shuffled(name: str, variants: Sequence[ClipVariant], seed: int) -> tuple[ClipVariant, ...]:
    """Returns the variants of a take in random order; its clips are the first of these."""
    generator = np.random.default_rng(list(_digest(name, seed)))
    return tuple(variants[i] for i in generator.permutation(len(variants)).tolist())


def distribute_clips(available: Mapping[str, int], clips: int, seed: int) -> dict[str, int]:
    """Number of clips of each take for a total number: as even as possible, the remainder at random.

    Args:
        available: number of variants by take name.
        clips: total number; if the takes allow fewer, each gives all variants.
        seed: random seed.
    """
    counts = dict.fromkeys(available, 0)
    shuffled_names = sorted(available, key=lambda name: (_digest(name, seed), name))
    left = clips
    while left > 0:
        open_ = [name for name in shuffled_names if counts[name] < available[name]][:left]
        if not open_:
            break
        for name in open_:
            counts[name] += 1
        left -= len(open_)
    return counts


def _digest(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"mug draw {seed} {name}".encode()).digest()
