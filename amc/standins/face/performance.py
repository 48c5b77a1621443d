"""One performance of an expression: what is random about it, and where the face is at any moment.

Time counts source frames, as a camera would take them; a moment between two frames is as good. The draws of a
performance do not look at the class, and until its onset the face is neutral: nothing before tells the class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amc.standins.face.geometry import Shape, neutral, outline_points, project
from amc.standins.face.units import NUMBERS, displaced

_SLOPE = 0.2  # share of the rise that goes on evenly until the peak, so that one frame alone is strongest
_FADE = 0.012  # loss a frame after the peak, before the face relaxes


@dataclass(frozen=True)
class Performance:
    """Everything random about a performance; none of it depends on the class."""

    length: int  # source frames
    peak: int  # the frame of greatest intensity, counted from 0
    onset: float  # frames from neutral to the peak
    hold: float  # frames near the peak's intensity after it
    offset: float  # frames from there to the end of relaxing
    remains: float  # intensity that is left then, as a part of the peak's
    choice: tuple[float, float, float]  # 0 .. 1: which prototype, which of its alternatives, with its options or not
    strength: NDArray[np.float64]  # (units,) 0 .. 1 within what the prototype allows
    lag: NDArray[np.float64]  # (units,) exponents: above 1 a unit follows late, below 1 early
    sides: tuple[float, float]  # how strongly the right and the left half of the face follow
    stance: NDArray[np.float64]  # (5,): yaw, pitch, roll in degrees, shift right and down in millimetres
    sway: NDArray[np.float64]  # (5, 3): of the same, amplitude, period in frames, phase
    light: tuple[float, float, float]  # factor on red, green and blue
    shade: tuple[float, float]  # how much brighter it is at the right and the lower edge than in the middle


def draw_performance(index: int, seed: int, *, length: tuple[int, int], before: int, after: int) -> Performance:
    """Performance `index`: at least `before` frames precede its peak and `after` follow.

    Args:
        index: its number; never depends on the others.
        seed: of the population.
        length: least and greatest number of frames.
        before, after: together less than the least length.
    """
    random = np.random.default_rng([seed, 12, index])
    uniform = random.uniform
    frames = int(random.integers(length[0], length[1] + 1))
    peak = int(random.integers(before, frames - after))
    units = len(NUMBERS)
    brightness = uniform(0.86, 1.08) * random.uniform(0.96, 1.04, size=3)
    first, second, third = random.random(3)
    return Performance(
        length=frames,
        peak=peak,
        onset=float(uniform(10, 20)),
        hold=float(uniform(6, 16)),
        offset=float(uniform(10, 20)),
        remains=float(uniform(0, 0.25)),
        choice=(float(first), float(second), float(third)),
        strength=random.random(units),
        lag=random.uniform(0.8, 1.35, size=units),
        sides=(float(uniform(0.92, 1.08)), float(uniform(0.92, 1.08))),
        stance=random.normal(0.0, (3.0, 2.0, 1.5, 5.0, 4.0)),
        sway=np.stack(
            [
                np.abs(random.normal(0.0, (1.6, 1.2, 0.9, 1.2, 1.0))),
                random.uniform(50, 140, size=5),
                random.uniform(0, 1, size=5),
            ],
            axis=1,
        ),
        light=(float(brightness[0]), float(brightness[1]), float(brightness[2])),
        shade=(float(uniform(-0.28, 0.28)), float(uniform(-0.16, 0.08))),
    )


def envelope(take: Performance, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intensity as a part of the peak's, at times in frames: 0 until the onset, 1 at the peak alone."""
    since = np.asarray(times, dtype=np.float64) - take.peak
    rise = np.clip(1 + since / take.onset, 0, 1)
    up = (1 - _SLOPE) * _smooth(1.15 * rise) + _SLOPE * rise
    fade = 1 - _FADE * np.clip(since, 0, take.hold)
    down = fade * (1 - (1 - take.remains) * _smooth((since - take.hold) / take.offset))
    return np.where(since < 0, up, down)


def intensities(take: Performance, at_peak: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, units): 0 to 5, all of them greatest at the peak; some follow late or early."""
    return np.asarray(at_peak * envelope(take, times)[:, None] ** take.lag, dtype=np.float64)


def landmarks(
    shape: Shape,
    take: Performance,
    intensity: NDArray[np.float64],
    sides: NDArray[np.float64],
    times: NDArray[np.float64],
    hairline: float = 0.0,
) -> NDArray[np.float64]:
    """Landmarks and, for drawing, `extras`: (T, 68 + extras, 2) pixels of MUG's frame.

    Args:
        shape: of the subject's face.
        take: how the head moves.
        intensity: (T, units) from 0 to 5.
        sides: (units, 2), what the right and the left half show of it.
        times: (T,) in frames.
        hairline: millimetres that it is lower than usual.
    """
    face = displaced(neutral(shape), intensity, sides, shape.scale)
    around = np.repeat(outline_points(shape, hairline)[None], len(face), axis=0)
    size, period, phase = take.sway.T
    moved = take.stance + size * np.sin(2 * np.pi * (np.asarray(times)[:, None] / period + phase))
    return project(np.concatenate([face, around], axis=1), moved[:, :3], moved[:, 3:])


def _smooth(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.clip(x, 0.0, 1.0)
    return np.asarray(x * x * (3 - 2 * x), dtype=np.float64)
