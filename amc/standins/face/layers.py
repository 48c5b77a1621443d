"""The layers of a drawn face, from back to front: outlines and colours for all frames of a clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amc.standins.face.curves import Array, between, ellipse, stroke, through
from amc.standins.face.geometry import OUTLINES
from amc.standins.face.subjects import Colour, FaceLook, blend
from amc.standins.face.units import NUMBERS

_DARK: Colour = (46, 20, 18)


@dataclass(frozen=True)
class Layer:
    """One filled outline."""

    outline: Array  # (T, m, 2) pixels
    colour: NDArray[np.uint8]  # (3,), or (T, 3) if it changes
    shown: NDArray[np.bool_] | None = None  # (T,); None means always


def layers(points: Array, intensity: Array, look: FaceLook, unit: float) -> list[Layer]:
    """The layers of a face.

    Args:
        points: (T, n, 2) pixels, in the order of `performance.landmarks`.
        intensity: (T, units) of the action units, which wrinkle the skin.
        look: the subject's colours.
        unit: pixels per millimetre.
    """
    drawing = _Drawing(points, intensity / 5, look, unit)
    drawing.head()
    drawing.wrinkles()
    for side in (0, 1):
        drawing.eye(side)
        drawing.brow(side)
    drawing.nose()
    drawing.mouth()
    drawing.front()
    return drawing.made


class _Drawing:
    def __init__(self, points: Array, strength: Array, look: FaceLook, unit: float) -> None:
        self.p, self.look, self.u = points, look, unit
        self.unit_strength = strength
        self.made: list[Layer] = []
        self.shadow = blend(look.skin, (92, 40, 30), 0.5)
        self.chin = blend(look.skin, look.hair, look.beard)

    def add(self, outline: Array, colour: Colour | NDArray[np.uint8], shown: NDArray[np.bool_] | None = None) -> None:
        self.made.append(Layer(outline, np.asarray(colour, dtype=np.uint8), shown))

    def skin(self, share: float) -> Colour:
        """The colour of the skin with this share of shadow."""
        return blend(self.look.skin, self.shadow, share)

    def at(self, *indices: int) -> Array:
        return self.p[:, list(indices)]

    def outline(self, name: str) -> Array:
        return self.p[:, OUTLINES[name]]

    def moved(self, points: Array, x: float, y: float) -> Array:
        """Shifted by millimetres."""
        return points + self.u * np.array([x, y])

    def path(self, start: Array, *steps: tuple[float, float]) -> Array:
        """A curve through points given in millimetres relative to `start` (T, 2)."""
        return through(np.stack([self.moved(start, x, y) for x, y in steps], axis=1))

    def strength(self, *units: int) -> Array:
        """The intensity (T,) in [0, 1] of the strongest of these units."""
        return np.asarray(self.unit_strength[:, [NUMBERS.index(n) for n in units]].max(axis=1), dtype=np.float64)

    def wrinkle(
        self, curve: Array, width: float, strength: Array, rest: float = 0.0, ground: Colour | None = None
    ) -> None:
        """A furrow, wider in the middle; `rest` is its strength in a neutral face, `ground` the colour around it."""
        share = np.clip(rest + (1 - rest) * strength, 0, 1)
        skin = np.array(self.look.skin if ground is None else ground)
        shadow = np.array(blend(self.shadow, _DARK, 0.25))
        colours = np.rint(skin + share[:, None] * (shadow - skin)).astype(np.uint8)
        self.add(stroke(curve, [0.5 * self.u, width * self.u, width * self.u, 0.5 * self.u]), colours, share > 0.04)

    def head(self) -> None:
        look, jaw = self.look, self.at(*range(17))
        hair = through(self.outline("hair"))
        if look.long_hair:
            down = np.stack([self.moved(hair[:, -1], 4, 130), self.moved(hair[:, 0], -4, 130)], axis=1)
            self.add(np.concatenate([hair, down], axis=1), blend(look.hair, (0, 0, 0), 0.15))
        self.add(self.outline("neck"), self.skin(0.55))
        self.add(through(self.outline("shoulders")), look.shirt)
        self.add(hair, look.hair)
        for i in (0, 1):
            ear = self.outline("ears")[:, i]
            self.add(ellipse(ear, 8 * self.u, 19 * self.u), self.skin(0.25))
            self.add(ellipse(ear, 4.5 * self.u, 12 * self.u), self.skin(0.5))
        face = through(np.concatenate([jaw, self.outline("skull")[:, ::-1]], axis=1), closed=True)
        self.add(face, self.skin(0.3))
        # The same shape, smaller and lighter: cheeks and jaw turn away from the light.
        middle = self.at(30)
        self.add(middle + (face - middle) * np.array([0.93, 0.965]), self.skin(0.14))
        self.add(middle + (face - middle) * np.array([0.85, 0.92]), self.look.skin)
        if look.beard:
            self._beard(jaw)

    def _beard(self, jaw: Array) -> None:
        cheek = self.moved(self.at(54, 48), 0, -2) + np.array([[9 * self.u, 0], [-9 * self.u, 0]])
        lip = self.moved(self.at(35, 33, 31), 0, 4)
        self.add(
            through(np.concatenate([jaw[:, 2:15], cheek[:, :1], lip, cheek[:, 1:]], axis=1), closed=True), self.chin
        )

    def wrinkles(self) -> None:
        p = self.p
        for out, wing, corner, lids, outer, inner in ((-1, 31, 48, (41, 40), 36, 21), (1, 35, 54, (46, 47), 45, 22)):
            # From the nose around the mouth.
            start, end = self.moved(p[:, wing], 3 * out, -2), self.moved(p[:, corner], 8 * out, 1)
            bend = self.moved((start + end) / 2, 4 * out, -3)
            self.wrinkle(through(np.stack([start, bend, end], axis=1)), 2.6, self.strength(9, 10, 12), 0.14)
            # Deeper in its middle, and a fold of the cheek beside it.
            fold = self.path(p[:, wing], (7 * out, -9), (14 * out, -3), (20 * out, 5))
            self.wrinkle(fold, 4.0, self.strength(11))
            # Below and beside the eye.
            low, lid = p[:, lids[1]], p[:, lids[0]]
            cheek = self.moved(low, -5 * out, 6.5), self.moved(lid, out, 7), self.moved(lid, 10 * out, 3.5)
            self.wrinkle(through(np.stack(cheek, axis=1)), 2.2, self.strength(6), 0.12)
            for rise in (-3, 1):
                beside = self.path(p[:, outer], (5 * out, 0), (9 * out, rise), (12 * out, 2 * rise))
                self.wrinkle(beside, 1.6, self.strength(6))
            # Down from the corner of the mouth.
            down = self.path(p[:, corner], (2 * out, 1), (4 * out, 6), (4.5 * out, 12))
            self.wrinkle(down, 2.2, self.strength(15))
            # Vertical, between the brows.
            between_brows = p[:, inner] * 0.5 + (p[:, 21] + p[:, 22]) * 0.25
            upright = self.path(between_brows, (0, -5), (-0.5 * out, 1), (0.5 * out, 8))
            self.wrinkle(upright, 2.2, self.strength(4, 9))
        # Across the forehead and the root of the nose, and around the chin.
        brows = p[:, 17:27].mean(axis=1)
        across = (p[:, 26] - p[:, 17])[:, None] * np.linspace(-0.36, 0.36, 5)[:, None]
        for rise in (10, 17):
            self.wrinkle(through(self.moved(brows, 0, -rise)[:, None] + across), 1.8, 0.8 * self.strength(1, 2))
        for drop in (0, 6):
            self.wrinkle(self.path(p[:, 27], (-8, drop - 2.5), (0, drop), (8, drop - 2.5)), 2.0, self.strength(9))
        chin = self.path((p[:, 57] + p[:, 8]) / 2, (-11, 4), (0, -3), (11, 4))
        self.wrinkle(chin, 2.4, 0.7 * self.strength(17), 0.08, self.chin)

    def eye(self, side: int) -> None:
        top = self.at(*((36, 37, 38, 39) if side == 0 else (42, 43, 44, 45)))
        low = self.at(*((36, 41, 40, 39) if side == 0 else (42, 47, 46, 45)))
        upper, lower = through(top), through(low)
        socket = self.moved(upper, 0, -5.5)
        self.add(_band(socket, lower), self.skin(0.38))
        self.add(_band(upper, lower), (240, 238, 234))
        # The eyeball does not move with the lids.
        centre = (top[:, 0] + top[:, 3]) / 2 + self.u * np.array([0, -0.4])
        self.add(between(ellipse(centre, 7.4 * self.u, 7.4 * self.u, samples=28), upper, lower), self.look.iris)
        self.add(between(ellipse(centre, 3.6 * self.u, 3.6 * self.u), upper, lower), (16, 12, 12))
        glint = self.moved(centre, 1.8, -2.0)
        self.add(between(ellipse(glint, 1.2 * self.u, 1.2 * self.u, samples=8), upper, lower), (250, 250, 250))
        self.add(stroke(lower, [0.6 * self.u, 1.1 * self.u, 0.6 * self.u]), blend(self.skin(0.6), _DARK, 0.3))
        self.add(stroke(upper, [1.4 * self.u, 3.0 * self.u, 1.6 * self.u]), blend(self.look.brow, _DARK, 0.5))
        self.add(stroke(self.moved(upper, 0, -4.6), [0.4 * self.u, 1.2 * self.u, 0.4 * self.u]), self.skin(0.6))

    def brow(self, side: int) -> None:
        wide = self.look.brow_thickness * self.u
        widths = [0.3 * wide, 0.85 * wide, 1.0 * wide, 1.0 * wide, 0.8 * wide]
        curve = through(self.at(*(range(17, 22) if side == 0 else range(26, 21, -1))))
        self.add(stroke(curve, widths), self.look.brow)

    def nose(self) -> None:
        p = self.p
        top, ridge, tip, wing = p[:, 27], p[:, 28], p[:, 29], p[:, 35]
        bridge = self.moved(top, 6, -4), self.moved(ridge, 6, 0), self.moved(tip, 7.5, 2), self.moved(wing, 0.5, -6)
        widths = [2 * self.u, 3.5 * self.u, 4 * self.u, 2 * self.u]
        self.add(stroke(through(np.stack(bridge, axis=1)), widths), self.skin(0.22))
        for out, side, hole in ((-1, 31, 32), (1, 35, 34)):
            around = self.path(p[:, side], (1.5 * out, -8), (3 * out, -2), (0.5 * out, 1.5))
            self.add(stroke(around, [0.8 * self.u, 2.2 * self.u, 1.6 * self.u]), self.skin(0.62))
            nostril = p[:, hole] * 0.75 + p[:, side] * 0.25
            self.add(ellipse(nostril, 3.2 * self.u, 1.7 * self.u, samples=12), blend(self.skin(0.9), _DARK, 0.4))
        self.add(stroke(through(self.at(32, 33, 34)), 1.4 * self.u), self.skin(0.45))
        light = blend(self.look.skin, (255, 250, 240), 0.3)
        self.add(ellipse(self.moved(p[:, 30], -1, 1), 3.5 * self.u, 3 * self.u), light)

    def mouth(self) -> None:
        look, u = self.look, self.u
        top, bottom = through(self.at(*range(48, 55))), through(self.at(48, 59, 58, 57, 56, 55, 54))
        upper, lower = through(self.at(*range(60, 65))), through(self.at(60, 67, 66, 65, 64))
        lower = _lifted(lower, np.maximum(lower[..., 1], upper[..., 1]))
        gap = self.p[:, 66, 1] - self.p[:, 62, 1]
        below = through(self.moved(self.at(58, 57, 56), 0, 4))
        self.add(stroke(below, [u, 3 * u, u]), blend(self.chin, self.shadow, 0.35))
        self.add(_band(upper, lower), (58, 16, 20))
        tongue = _lifted(lower, np.maximum(lower[..., 1] - 6 * u, upper[..., 1]))
        self.add(_band(tongue, lower), (150, 66, 68), gap > 9 * u)
        # The teeth never reach the lower lip.
        teeth = upper[..., 1] + np.minimum(7 * u, 0.75 * (lower[..., 1] - upper[..., 1]))
        self.add(_band(upper, _lifted(upper, teeth)), (244, 240, 230), gap > 1.2 * u)
        self.add(_band(top, upper), blend(look.lip, _DARK, 0.14))
        self.add(_band(lower, bottom), look.lip)
        self.add(stroke((upper + lower) / 2, [0.8 * u, 1.5 * u, 0.8 * u]), blend(look.lip, _DARK, 0.6), gap <= 1.2 * u)
        for corner in (48, 54):
            self.add(ellipse(self.p[:, corner], 1.4 * u, 1.4 * u, samples=8), blend(look.lip, _DARK, 0.5))

    def front(self) -> None:
        u = self.u
        hair, line = through(self.outline("hair")), through(self.outline("hairline"))
        off = np.linspace(-1, 1, line.shape[1]) - 0.8 * self.look.parting
        line = _lifted(line, line[..., 1] - 9 * u * np.clip(1 - off**2, 0, 1) ** 2)
        self.add(_band(hair, line), self.look.hair)
        strand = self.moved(line, 0, -7)[:, 6:-6]
        self.add(stroke(strand, [0.5 * u, 3 * u, 0.5 * u]), blend(self.look.hair, (255, 240, 220), 0.14))
        if self.look.glasses:
            self._glasses()

    def _glasses(self) -> None:
        u, dark = self.u, (40, 36, 40)
        for ends in ((36, 39), (42, 45)):
            rim = ellipse(self.moved(self.at(*ends).mean(axis=1), 0, 2), 20 * u, 16.5 * u, samples=28)
            self.add(stroke(np.concatenate([rim, rim[:, :1]], axis=1), 1.8 * u), dark)
        bridge = self.moved(self.p[:, 39], 5, -1), self.moved(self.p[:, 27], 0, -1), self.moved(self.p[:, 42], -5, -1)
        self.add(stroke(np.stack(bridge, axis=1), 1.8 * u), dark)


def _band(one: Array, other: Array) -> Array:
    """The outline between two curves of the same direction."""
    return np.concatenate([one, other[:, ::-1]], axis=1)


def _lifted(curve: Array, y: Array) -> Array:
    """The curve with other y coordinates."""
    return np.stack([curve[..., 0], y], axis=-1)
