"""One performance of an expression: its random properties, and the landmarks of the face at any time.

Time is measured in frames of the camera and may be fractional. The random properties do not depend on the class, and
the face is neutral until the onset, so earlier frames carry no information about the class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amc.standins.face.geometry import Shape, neutral, outline_points, project
from amc.standins.face.units import NUMBERS, displaced

_SLOPE = 0.2  # linear share of the rise, so that the peak is the only frame of greatest intensity
_FADE = 0.012  # loss of intensity per frame after the peak, before the face relaxes


@dataclass(frozen=True)
class Performance:
    """All random properties of a performance; none depends on the class."""

    length: int  # frames
    peak: int  # the frame of greatest intensity, counted from 0
    onset: float  # frames from the neutral face to the peak
    hold: float  # frames after the peak with nearly its intensity
    offset: float  # frames of relaxing after that
    remains: float  # intensity left at the end, as a fraction of the peak's
    choice: tuple[float, float, float]  # in [0, 1]: select the prototype, its alternatives, its optional units
    strength: NDArray[np.float64]  # (units,) in [0, 1]: position in the range that the prototype allows
    lag: NDArray[np.float64]  # (units,) exponents: a unit with more than 1 rises later, with less than 1 earlier
    sides: tuple[float, float]  # factors on intensity of the right and the left half of the face
    stance: NDArray[np.float64]  # (5,): yaw, pitch, roll in degrees; shift right and down in millimetres
    sway: NDArray[np.float64]  # (5, 3): amplitude, period in frames and phase of the same five
    light: tuple[float, float, float]  # factors on red, green and blue
    shade: tuple[float, float]  # relative brightening from the centre to the right and to the lower edge


def draw_performance(index: int, seed: int, *, length: tuple[int, int], before: int, after: int) -> Performance:
    """The random properties of performance `index`, which are independent of other performances.

    Args:
        index: number of the performance.
        seed: random seed of the data set.
        length: minimum and maximum number of frames.
        before, after: minimum number of frames before and after the peak; together less than the minimum length.
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


def envelope(performance: Performance, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intensity as a fraction of the peak's, at times in frames: 0 until the onset, 1 only at the peak."""
    since = np.asarray(times, dtype=np.float64) - performance.peak
    rise = np.clip(1 + since / performance.onset, 0, 1)
    up = (1 - _SLOPE) * _smooth(1.15 * rise) + _SLOPE * rise
    fade = 1 - _FADE * np.clip(since, 0, performance.hold)
    down = fade * (1 - (1 - performance.remains) * _smooth((since - performance.hold) / performance.offset))
    return np.where(since < 0, up, down)


def intensities(
    performance: Performance, at_peak: NDArray[np.float64], times: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Intensities (T, units) from 0 to 5. All are greatest at the peak; some units rise earlier than others."""
    return np.asarray(at_peak * envelope(performance, times)[:, None] ** performance.lag, dtype=np.float64)


def landmarks(
    shape: Shape,
    performance: Performance,
    intensity: NDArray[np.float64],
    sides: NDArray[np.float64],
    times: NDArray[np.float64],
    hairline: float = 0.0,
) -> NDArray[np.float64]:
    """Landmarks and then `outline_points` (T, 68 + n, 2), in pixels of MUG's frame.

    Args:
        shape: shape of the subject's face.
        performance: how the head moves.
        intensity: (T, units) from 0 to 5.
        sides: (units, 2), factors on intensity of the right and the left half.
        times: (T,) in frames.
        hairline: how much lower than usual it is, in millimetres.
    """
    face = displaced(neutral(shape), intensity, sides, shape.scale)
    around = np.repeat(outline_points(shape, hairline)[None], len(face), axis=0)
    size, period, phase = performance.sway.T
    moved = performance.stance + size * np.sin(2 * np.pi * (np.asarray(times)[:, None] / period + phase))
    return project(np.concatenate([face, around], axis=1), moved[:, :3], moved[:, 3:])


def _smooth(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.clip(x, 0.0, 1.0)
    return np.asarray(x * x * (3 - 2 * x), dtype=np.float64)
