"""Action units of an emotion: each performance shows one of the prototypes that the paper's Table A lists for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amc.data.datasets.action_units import ANGER_WITHOUT_ONE_OF, PROTOTYPES, Term
from amc.data.datasets.mug import EMOTIONS
from amc.standins.face.performance import Performance
from amc.standins.face.units import NUMBERS

# FACS levels as ranges of intensity, from 0 to 5. Z is the strongest level in the FACS of 1978 (X, Y, Z); it alone
# distinguishes fear's 1 + 2 + 5Z from surprise's 1 + 2 + 5B. B starts below its step of FACS (1.5 to 2.5) and so stays
# farther from Z: at 32 x 32 pixels, a lid that rises has only a pixel or two to tell fear from surprise.
_LEVELS: Mapping[str, tuple[float, float]] = {
    "": (3.6, 5.0),
    "*": (3.8, 5.0),
    "Z": (4.4, 5.0),
    "A": (0.6, 1.4),
    "B": (1.2, 2.0),
    "C": (2.4, 3.4),
    "D": (3.4, 4.4),
    "E": (4.4, 5.0),
}
# The order in which emotions are taken into a file with fewer than all: those first that small frames show best.
_CLEAREST = ("happy", "surprise", "anger", "disgust", "sad", "fear")
_OPENS = (26, 27)  # units that drop the jaw and so part the lips (25)


@dataclass(frozen=True)
class Expression:
    """The face at the peak of a performance: intensities (units,) from 0 to 5, and factors for each side."""

    intensity: NDArray[np.float64]
    sides: NDArray[np.float64]  # (units, 2): factors of the right and the left half


def chosen_emotions(classes: int) -> tuple[int, ...]:
    """Indices in `EMOTIONS` of the classes of a file with so many, ascending."""
    return tuple(sorted(EMOTIONS.index(name) for name in _CLEAREST[:classes]))


def expression(label: int | None, performance: Performance) -> Expression:
    """The expression of an emotion in a performance.

    Units that cannot be drawn, such as a lowered head (54) or lowered eyes (64), are left out.

    Args:
        label: index into `EMOTIONS`; None for a neutral face.
        performance: its random properties.
    """
    intensity = np.zeros(len(NUMBERS))
    sides = np.tile(performance.sides, (len(NUMBERS), 1))
    if label is None:
        return Expression(intensity, sides)
    emotion = EMOTIONS[label]
    prototypes = PROTOTYPES[emotion]
    row, alternative, option = performance.choice
    terms: tuple[Term, ...] = prototypes[int(row * len(prototypes))]
    missing = _left_out(option) if emotion == "anger" else None
    for term in terms:
        if term.optional and option < 0.5:
            continue
        for unit in term.choices[int(alternative * len(term.choices))]:
            if unit not in NUMBERS or unit == missing:
                continue
            at = NUMBERS.index(unit)
            intensity[at] = _between(term.level, float(performance.strength[at]))
            if term.one_side:
                sides[at, int(alternative < 0.5)] = 0.0
    if any(intensity[NUMBERS.index(unit)] for unit in _OPENS):
        at = NUMBERS.index(25)
        intensity[at] = _between("", float(performance.strength[at]))
    return Expression(intensity, sides)


def _left_out(option: float) -> int | None:
    """The unit of `ANGER_WITHOUT_ONE_OF` that a performance of anger leaves out (40% of them); None for the others."""
    units = sorted(ANGER_WITHOUT_ONE_OF)
    return units[int(option * 10) % len(units)] if option < 0.4 else None


def _between(level: str, share: float) -> float:
    names = level.split("/")
    low, high = _LEVELS[names[0]][0], _LEVELS[names[-1]][1]
    return low + share * (high - low)
