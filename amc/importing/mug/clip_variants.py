"""Which clips a take gives: T frames around its peak at a random stride, flipped or not.

Appendix B.1: 32 frames, 23 before the peak and 8 after, "random horizontal flipping", "a random stride (1, 2, or 3)".
How many draws a take gives is not said; 3,840 clips of 931 takes are 4.1. Draws are distinct. Chance depends on the
seed and on the take's name alone, never on what else lies in the distribution.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

STRIDES = (1, 2, 3)
DRAWS = 4  # a take
_BEFORE, _OF = 23, 31  # frames before the peak, of all that are not the first


@dataclass(frozen=True, order=True)
class Draw:
    """One clip of a take: every `stride`-th frame, mirrored or not."""

    stride: int
    flip: bool


def peak_index(frames: int) -> int:
    """Where in a clip of T frames the peak is: 23 for the paper's 32, in proportion otherwise."""
    return round(_BEFORE * (frames - 1) / _OF)


def span(frames: int, stride: int) -> int:
    """Frames of the take that a clip of T frames reaches over."""
    return (frames - 1) * stride + 1


def window(length: int, peak: int, frames: int, stride: int) -> range | None:
    """The frames of a take that make a clip: the peak at `peak_index`, shifted inside where it overruns an end (R22).

    Args:
        length: frames of the take.
        peak: its peak frame, from 0.
        frames: T.
        stride: take frames from one clip frame to the next.

    Returns:
        T frame numbers; None where the take is too short.
    """
    latest = length - span(frames, stride)
    if latest < 0:
        return None
    start = min(max(0, peak - peak_index(frames) * stride), latest)
    return range(start, start + span(frames, stride), stride)


def possible(length: int, frames: int, strides: Iterable[int] = STRIDES) -> tuple[Draw, ...]:
    """All draws that a take of so many frames allows."""
    return tuple(Draw(s, flip) for s in strides if span(frames, s) <= length for flip in (False, True))


def order(name: str, choices: Sequence[Draw], seed: int) -> tuple[Draw, ...]:
    """A take's draws in random order: the first so many are what it gives."""
    chance = np.random.default_rng(list(_digest(name, seed)))
    return tuple(choices[i] for i in chance.permutation(len(choices)).tolist())


def shares(available: Mapping[str, int], clips: int, seed: int) -> dict[str, int]:
    """How many draws each take gives for so many clips in all: as evenly as can be, the odd ones by chance.

    Args:
        available: take's name -> draws that it allows.
        clips: wanted; where the takes allow fewer, each gives all that it has.
        seed: of chance.
    """
    given = dict.fromkeys(available, 0)
    by_chance = sorted(available, key=lambda name: (_digest(name, seed), name))
    left = clips
    while left > 0:
        open_ = [name for name in by_chance if given[name] < available[name]][:left]
        if not open_:
            break
        for name in open_:
            given[name] += 1
        left -= len(open_)
    return given


def _digest(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"mug draw {seed} {name}".encode()).digest()
