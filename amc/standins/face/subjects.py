"""The 52 subjects of the stand-in for MUG: random face shape, colours, hair, beard and glasses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amc.standins.face.geometry import Shape

SUBJECTS = 52  # as in MUG

Colour = tuple[int, int, int]

_SKIN: tuple[Colour, ...] = (
    (250, 218, 196),
    (240, 200, 172),
    (226, 180, 148),
    (206, 156, 120),
    (172, 122, 90),
    (138, 94, 68),
)
_HAIR: tuple[Colour, ...] = ((24, 20, 20), (50, 34, 26), (92, 62, 38), (142, 100, 56), (198, 164, 104), (134, 56, 32))
_IRIS: tuple[Colour, ...] = ((66, 42, 26), (92, 62, 34), (78, 104, 74), (82, 116, 150), (104, 118, 128))
_SHIRT: tuple[Colour, ...] = (
    (60, 76, 120),
    (150, 52, 56),
    (64, 110, 84),
    (222, 220, 214),
    (48, 48, 54),
    (196, 160, 90),
    (120, 96, 150),
)


@dataclass(frozen=True)
class FaceLook:
    """Colours, hair, beard and glasses of a subject."""

    skin: Colour
    hair: Colour
    brow: Colour
    lip: Colour
    iris: Colour
    shirt: Colour
    brow_thickness: float  # millimetres
    hairline: float  # millimetres lower than usual
    parting: float  # in [-1, 1], where the fringe is highest
    long_hair: bool
    beard: float  # from 0 (none) to 1 (as dense as the hair)
    glasses: bool


@dataclass(frozen=True)
class FaceSubject:
    """One subject."""

    shape: Shape
    look: FaceLook


def subject(number: int, seed: int) -> FaceSubject:
    """Subject `number` (0 to 51). Subjects with the same seed are independent of each other."""
    random = np.random.default_rng([seed, 11, number])

    def around(middle: float, spread: float) -> float:
        return float(middle + spread * np.clip(random.normal(), -2, 2))

    shape = Shape(
        width=around(1.0, 0.025),
        height=around(1.0, 0.025),
        jaw=around(1.0, 0.05),
        chin=around(0.0, 2.5),
        eye_distance=around(0.0, 0.9),
        eye_opening=around(1.0, 0.10),
        brow_height=around(0.0, 1.4),
        brow_arch=around(0.0, 1.2),
        nose_width=around(1.0, 0.09),
        mouth_width=around(1.0, 0.06),
        lips=around(1.0, 0.12),
        scale=around(1.0, 0.03),
    )
    skin = _mixed(_SKIN, random)
    hair = _HAIR[random.integers(len(_HAIR))]
    redness = random.uniform(0.55, 0.9)
    man = random.random() < 0.5
    long_hair, bearded, glasses = random.random(3)
    look = FaceLook(
        skin=skin,
        hair=hair,
        brow=blend(hair, (30, 22, 18), 0.65),
        lip=blend(blend(skin, (176, 44, 56), redness), (90, 30, 34), 0.15),
        iris=_IRIS[random.integers(len(_IRIS))],
        shirt=_SHIRT[random.integers(len(_SHIRT))],
        brow_thickness=around(8.4 if man else 7.4, 0.5),
        hairline=around(0.0, 4.0),
        parting=float(random.uniform(-1, 1)),
        long_hair=bool(not man and long_hair < 0.75),
        beard=float(random.uniform(0.15, 0.5)) if man and bearded < 0.35 else 0.0,
        glasses=bool(glasses < 0.12),
    )
    return FaceSubject(shape, look)


def blend(one: Colour, other: Colour, share: float) -> Colour:
    """A mix of two colours with this share of the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _mixed(colours: tuple[Colour, ...], random: np.random.Generator) -> Colour:
    """A random mix of two neighbouring colours."""
    first = int(random.integers(len(colours) - 1))
    return blend(colours[first], colours[first + 1], float(random.random()))
