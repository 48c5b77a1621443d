"""The subjects of the stand-in for NATOPS: random build, colours, clothing, background and manner of moving."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amc.standins.body.kinematics import CROP, Build

SUBJECTS = 20  # as in NATOPS
MARGIN = 12  # pixels of background around the crop, so that the view can shift

Colour = tuple[int, int, int]

_SKIN: tuple[Colour, ...] = (
    (246, 214, 188),
    (226, 180, 146),
    (196, 144, 108),
    (150, 102, 72),
    (104, 68, 48),
    (74, 48, 36),
)
_HAIR: tuple[Colour, ...] = ((28, 22, 20), (70, 44, 28), (120, 80, 44), (196, 160, 96), (150, 150, 150), (150, 62, 30))
# Colours of jerseys and vests on a flight deck, and a few others.
_CLOTH: tuple[Colour, ...] = (
    (236, 214, 40),
    (44, 142, 70),
    (188, 38, 40),
    (36, 74, 176),
    (112, 48, 140),
    (240, 240, 236),
    (124, 82, 44),
    (244, 136, 28),
    (40, 44, 52),
    (70, 190, 200),
    (228, 120, 170),
    (150, 206, 60),
)
_GLOVES: tuple[Colour, ...] = ((250, 250, 245), (255, 236, 60), (250, 130, 30), (30, 30, 36), (90, 240, 110))
_TROUSERS: tuple[Colour, ...] = ((34, 38, 54), (70, 66, 58), (52, 60, 44), (96, 100, 108), (30, 30, 32))
_OFFSET = np.array([0.14, 0.14, 0.2])  # standard deviation along x, y and z
_CONTRAST = 120.0  # minimum RGB distance between the sleeves and what is behind them


@dataclass(frozen=True)
class BodyLook:
    """Colours of a subject, and the background."""

    skin: Colour
    glove: Colour
    hair: Colour
    vest: Colour
    sleeve: Colour
    trousers: Colour
    stripe: bool  # a light band across the vest
    background: NDArray[np.uint8]  # (CROP + 2 MARGIN, CROP + 2 MARGIN, 3)


@dataclass(frozen=True)
class Style:
    """A subject's manner of moving: means of the fields of `Variation` over the subject's repetitions."""

    early: float
    duration: float
    rhythm: tuple[float, float]
    amplitude: float
    lag: float
    posture: NDArray[np.float64]  # (4, 3)
    offset: NDArray[np.float64]  # (4, 3)


@dataclass(frozen=True)
class BodySubject:
    """One subject."""

    build: Build
    look: BodyLook
    style: Style


def subject(number: int, seed: int) -> BodySubject:
    """Subject `number`, from 0. Subjects with the same seed are independent of each other."""
    random = np.random.default_rng([seed, 1, number])
    scale = random.uniform(0.94, 1.04)
    build = Build(
        shoulder=scale * random.uniform(18.0, 22.5),
        upper_arm=scale * random.uniform(28.5, 31.5),
        forearm=scale * random.uniform(26.0, 29.0),
        neck=scale * random.uniform(22.0, 26.0),
        head=scale * random.uniform(11.5, 14.5),
        chest=scale * random.uniform(10.0, 13.0),
        trunk=scale * random.uniform(38.0, 44.0),
        thickness=scale * random.uniform(11.0, 14.0),
        hand=scale * random.uniform(9.5, 11.5),
    )
    while True:
        vest, sleeve = (_CLOTH[i] for i in random.choice(len(_CLOTH), size=2, replace=False))
        base = random.uniform(30, 225, size=3)
        # A muted background, so that the body stands out.
        base = base.mean() + 0.32 * (base - base.mean())
        if min(_distance(sleeve, vest), _distance(sleeve, base)) > _CONTRAST and _distance(vest, base) > 70:
            break
    skin = _SKIN[random.integers(len(_SKIN))]
    worn = [c for c in (skin, *_GLOVES) if min(_distance(c, sleeve), _distance(c, base), _distance(c, vest)) > 70]
    look = BodyLook(
        skin=skin,
        glove=worn[random.integers(len(worn))] if worn else max(_GLOVES, key=lambda c: _distance(c, base)),
        hair=_HAIR[random.integers(len(_HAIR))],
        vest=vest,
        sleeve=sleeve,
        trousers=_TROUSERS[random.integers(len(_TROUSERS))],
        stripe=bool(random.random() < 0.5),
        background=wall(base, random, CROP + 2 * MARGIN, CROP + 2 * MARGIN),
    )
    return BodySubject(build, look, _style(np.random.default_rng([seed, 7, number])))


def _style(random: np.random.Generator) -> Style:
    return Style(
        early=float(random.normal(0.0, 0.07)),
        duration=float(np.exp(random.normal(0.0, 0.12))),
        rhythm=(float(random.uniform(-0.06, 0.06)), float(random.uniform(-0.04, 0.04))),
        amplitude=float(random.uniform(0.86, 1.08)),
        lag=float(random.uniform(0.0, 0.015)),
        posture=random.normal(0.0, 0.10, size=(4, 3)),
        offset=random.normal(0.0, 1.0, size=(4, 3)) * _OFFSET,
    )


def _distance(one: Colour, other: Colour | NDArray[np.float64]) -> float:
    return float(np.linalg.norm(np.subtract(one, other)))


def wall(base: NDArray[np.float64], random: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """A background uint8 (height, width, 3): a wall with a gradient, soft blotches and panel joints, and a floor."""
    y, x = np.mgrid[0:height, 0:width]
    y, x = y / height, x / width
    slope = random.uniform(-30, 30, size=(2, 3))
    picture = base + (x[..., None] - 0.5) * slope[0] + (y[..., None] - 0.5) * slope[1]
    for _ in range(5):
        cx, cy = random.uniform(0, 1, size=2)
        spread = random.uniform(0.08, 0.25)
        blotch = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * spread**2))
        picture += blotch[..., None] * random.uniform(-14, 14, size=3)
    for position in random.uniform(0.05, 0.95, size=random.integers(0, 4)):
        picture[np.abs(x - position) < 0.006] -= 18
    floor = y > random.uniform(0.78, 0.92)
    picture[floor] = picture[floor] * random.uniform(0.6, 0.85) + random.uniform(0, 20)
    return np.asarray(np.clip(np.rint(picture), 0, 255), dtype=np.uint8)
