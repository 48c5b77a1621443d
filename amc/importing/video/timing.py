"""When the frames of a video are shown, and which frames are taken at a constant sampling rate.

If the time stamps are equally spaced, up to the rounding of the time base, the video has a constant rate and every
frame is taken once. Any other video is sampled at its average rate: its duration is divided into as many equal
intervals as it has frames, and each interval takes the frame that is on screen in its middle. Jitter of less than half
an interval thus changes nothing, while other frames are repeated or dropped. Another rate divides the same duration
into other intervals.
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

LONGEST_STILL = 250  # median intervals; a longer gap is an error of the time stamps, not a still frame


class TimestampGap(NamedTuple):
    """An implausibly long time between the time stamps of a frame and the next."""

    frame: int
    seconds: float


@dataclass(frozen=True)
class Timing:
    """The times of a video's frames.

    Attributes:
        frames: number of frames n, at least 1.
        interval: mean seconds between frames; None if unknown.
        starts: start times of the n frames in mean intervals after the first, non-decreasing; empty if the rate is
            constant.
        gap: the longest time between two frames, if it exceeds `LONGEST_STILL`.
        remark: a message about unusual time stamps; empty if there is nothing unusual.
    """

    frames: int
    interval: Fraction | None = None
    starts: tuple[Fraction, ...] = ()
    gap: TimestampGap | None = None
    remark: str = ""

    @classmethod
    def from_stamps(cls, stamps: Sequence[int | None], tick: Fraction | None, rate: Fraction | None) -> Timing:
        """Computes the timing from time stamps.

        Args:
            stamps: one per frame in ticks, with any origin; None where missing.
            tick: length of a tick in seconds; None if unknown.
            rate: announced frames per second, used if the time stamps are unusable; None if unknown.
        """
        n = len(stamps)
        announced = 1 / rate if rate else None
        known = [(i, stamp) for i, stamp in enumerate(stamps) if stamp is not None]
        if n == 1 or not known or not tick:
            return cls(n, announced)
        back = next((i for (_, one), (i, other) in pairwise(known) if other < one), None)
        if back is not None:
            return cls(n, announced, remark=f"time stamps ignored: they decrease at frame {back}")
        if len(known) == 1 or known[0][1] == known[-1][1]:
            return cls(n, announced, remark="time stamps ignored: they are all the same")
        missing = n - len(known)
        remark = f"{missing} frames without a time stamp: interpolated" if missing else ""
        ticks = _interpolated(known, n)
        length = ticks[-1] - ticks[0]
        mean = length / (n - 1)
        if all(abs(at - ticks[0] - i * mean) <= 1 for i, at in enumerate(ticks)):
            return cls(n, mean * tick, remark=remark)
        starts = tuple((at - ticks[0]) / mean for at in ticks)
        gaps = [float((other - one) * mean * tick) for one, other in pairwise(starts)]
        longest = max(gaps)
        implausible = longest > LONGEST_STILL * max(median(gaps), float(tick))
        timing = cls(
            n, mean * tick, starts, TimestampGap(gaps.index(longest), longest) if implausible else None, remark
        )
        if np.array_equal(timing.sample(), np.arange(n)):
            return cls(n, mean * tick, remark=remark)
        return timing

    @property
    def uneven(self) -> bool:
        """Whether sampling at the average rate differs from taking every frame."""
        return bool(self.starts)

    def sample(self, rate: Fraction | None = None) -> NDArray[np.int64]:
        """Returns the frame on screen in the middle of each interval of 1 / rate seconds: (m,), non-decreasing.

        Args:
            rate: frames per second; None for the video's average rate, which gives m = n.

        Raises:
            ValueError: a rate is given, but the video's frame times are unknown.
        """
        if rate is None:
            step, count = Fraction(1), self.frames
        elif self.interval is None:
            raise ValueError("the frame times are unknown")
        else:
            step = 1 / (rate * self.interval)  # in mean intervals of the video
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


def _interpolated(known: Sequence[tuple[int, int]], n: int) -> list[Fraction]:
    """A stamp for each of n frames: interpolated linearly between known ones, extrapolated at the mean pace."""
    (first, start), (last, end) = known[0], known[-1]
    pace = Fraction(end - start, last - first)
    ticks = [start + (i - first) * pace for i in range(n)]
    for (i, one), (j, other) in pairwise(known):
        for between in range(i, j + 1):
            ticks[between] = one + (between - i) * Fraction(other - one, j - i)
    return ticks
