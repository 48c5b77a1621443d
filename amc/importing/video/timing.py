"""When the frames of a video are shown, and which of them a sampling at a constant rate takes.

A video whose time stamps lie on a line, up to the rounding of its time base, has a constant rate: its frames are taken
as they are. Any other is sampled at its own average rate: time is divided into as many equal intervals as it has
frames, and each interval shows what is on screen in its middle. So a jitter of less than half an interval changes
nothing, and frames may be shown again or not at all. Another rate divides the same time into other intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LONGEST_STILL = 250  # median intervals: a longer one is a slip of the time stamps, not a frame that was held


class Jump(NamedTuple):
    """A frame after which the time stamps leap."""

    frame: int
    seconds: float


@dataclass(frozen=True)
class Timing:
    """The times of a video's frames.

    Attributes:
        frames: n, at least 1.
        interval: mean seconds from one frame to the next; None where nothing tells.
        starts: where the rate is not constant, the begin of each frame in intervals from the first's: n numbers, none
            less than the one before; empty where it is constant.
        jump: the longest time that a frame is held, where it is longer than `LONGEST_STILL`.
        remark: what is odd about the time stamps, "" where nothing is.
    """

    frames: int
    interval: Fraction | None = None
    starts: tuple[Fraction, ...] = ()
    jump: Jump | None = None
    remark: str = ""

    @classmethod
    def of(cls, stamps: Sequence[int | None], tick: Fraction | None, rate: Fraction | None) -> Timing:
        """From time stamps in the order of the frames.

        Args:
            stamps: in ticks from anywhere, None where missing; at least one frame.
            tick: seconds; None where unknown.
            rate: frames a second that the file announces, for stamps that tell nothing; None where unknown.
        """
        n = len(stamps)
        announced = 1 / rate if rate else None
        known = [(i, stamp) for i, stamp in enumerate(stamps) if stamp is not None]
        if n == 1 or not known or not tick:
            return cls(n, announced)
        back = next((i for (_, one), (i, other) in pairwise(known) if other < one), None)
        if back is not None:
            return cls(n, announced, remark=f"its time stamps go back at frame {back}: they are not used")
        if len(known) == 1 or known[0][1] == known[-1][1]:
            return cls(n, announced, remark="its time stamps are all the same: they are not used")
        missing = n - len(known)
        remark = f"{missing} frames without a time stamp: put evenly between the others" if missing else ""
        ticks = _filled(known, n)
        length = ticks[-1] - ticks[0]
        mean = length / (n - 1)
        if all(abs(at - ticks[0] - i * mean) <= 1 for i, at in enumerate(ticks)):
            return cls(n, mean * tick, remark=remark)
        starts = tuple((at - ticks[0]) / mean for at in ticks)
        gaps = [float((other - one) * mean * tick) for one, other in pairwise(starts)]
        longest = max(gaps)
        jumps = longest > LONGEST_STILL * max(median(gaps), float(tick))
        timing = cls(n, mean * tick, starts, Jump(gaps.index(longest), longest) if jumps else None, remark)
        if np.array_equal(timing.shown(), np.arange(n)):
            return cls(n, mean * tick, remark=remark)
        return timing

    @property
    def uneven(self) -> bool:
        """Whether sampling at the average rate differs from taking every frame."""
        return bool(self.starts)

    def shown(self, rate: Fraction | None = None) -> NDArray[np.int64]:
        """The frame on screen in the middle of each interval of 1 / rate seconds; (m,), none before the one before.

        Args:
            rate: frames a second; None: the video's own average rate, so that m = n.

        Raises:
            ValueError: a rate for a video of unknown times.
        """
        if rate is None:
            step, count = Fraction(1), self.frames
        elif self.interval is None:
            raise ValueError("the times of its frames are unknown")
        else:
            step = 1 / (rate * self.interval)  # in intervals of the video's own
            count = max(1, int(self.frames / step + Fraction(1, 2)))
        taken, last = np.empty(count, dtype=np.int64), 0
        for k in range(count):
            middle = (2 * k + 1) * step / 2
            if self.starts:
                while last + 1 < self.frames and self.starts[last + 1] <= middle:
                    last += 1
                taken[k] = last
            else:
                taken[k] = min(self.frames - 1, int(middle))
        return taken


def _filled(known: Sequence[tuple[int, int]], n: int) -> list[Fraction]:
    """A stamp for each of n frames: straight lines between those known, and on at the mean pace beyond them."""
    (first, start), (last, end) = known[0], known[-1]
    pace = Fraction(end - start, last - first)
    ticks = [start + (i - first) * pace for i in range(n)]
    for (i, one), (j, other) in pairwise(known):
        for between in range(i, j + 1):
            ticks[between] = one + (between - i) * Fraction(other - one, j - i)
    return ticks
