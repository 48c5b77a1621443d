"""Draws a body from its joints, at the size of the paper's crop.

Pillow truncates coordinates to whole pixels and includes both ends, which shifts shapes by half a pixel up and left.
`_ellipse`, `_polygon` and `_box` correct for it, so that a shape is centred on the given point.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from amc.standins.body.kinematics import CROP, Motion
from amc.standins.body.subjects import MARGIN, BodyLook, BodySubject, Colour

Point = tuple[float, float]
Light = tuple[float, float, float]


@dataclass(frozen=True)
class Scene:
    """View and light of a clip."""

    view: tuple[int, int]  # shift of the background in pixels, at most MARGIN in each direction
    light: Light  # factor on red, green and blue


def draw_frames(subject: BodySubject, motion: Motion, scene: Scene) -> Iterator[NDArray[np.uint8]]:
    """Draws a repetition frame by frame: uint8 (180, 180, 3), RGB, each."""
    x, y = MARGIN + scene.view[0], MARGIN + scene.view[1]
    return draw_before(subject.look.background[y : y + CROP, x : x + CROP], subject, motion, scene.light)


def draw_before(
    background: NDArray[np.uint8],
    subject: BodySubject,
    motion: Motion,
    light: Light,
    *,
    at: tuple[int, int] = (0, 0),
) -> Iterator[NDArray[np.uint8]]:
    """Draws the body in front of a background, with the same light on both.

    Args:
        background: uint8 (H, W, 3). The legs reach its lower edge if H - y, with y of `at`, is at most 210.
        subject: the subject.
        motion: T frames, in pixels of the crop.
        light: factors on red, green and blue.
        at: (x, y) of the crop's top-left pixel in the background.

    Yields:
        T times uint8 (H, W, 3), RGB, read-only.
    """
    backdrop = Image.fromarray(under(light, background))
    paint = _Paint(subject.look, light)
    place = np.array([*at, 0.0])
    for joints, hands, thumbs in zip(motion.joints + place, motion.hands + place, motion.thumbs + place, strict=True):
        picture = backdrop.copy()
        _draw_body(ImageDraw.Draw(picture), paint, subject, joints, hands, thumbs, at[1] + CROP + 30.0)
        yield np.asarray(picture)


def under(light: Light, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture, uint8 (H, W, 3), under a light."""
    return np.stack([table[picture[..., i]] for i, table in enumerate(_tables(light))], axis=-1)


def _tables(light: Light) -> list[NDArray[np.uint8]]:
    """Lookup tables from the 256 values of red, green and blue to the lit ones."""
    return [np.clip(np.rint(np.arange(256) * f), 0, 255).astype(np.uint8) for f in light]


class _Paint:
    """A subject's colours under a light; the dark ones are for edges."""

    def __init__(self, look: BodyLook, scene_light: Light) -> None:
        lit = _tables(scene_light)

        def light(colour: Colour, factor: float = 1.0) -> Colour:
            red, green, blue = (int(table[int(v * factor)]) for table, v in zip(lit, colour, strict=True))
            return red, green, blue

        self.skin, self.skin_dark = light(look.skin), light(look.skin, 0.7)
        self.glove, self.glove_dark = light(look.glove), light(look.glove, 0.7)
        self.hair = light(look.hair)
        self.vest, self.vest_dark = light(look.vest), light(look.vest, 0.72)
        self.sleeve, self.sleeve_dark = light(look.sleeve), light(look.sleeve, 0.62)
        self.trousers = light(look.trousers)
        self.stripe = light((235, 235, 225)) if look.stripe else None


def _draw_body(
    draw: ImageDraw.ImageDraw,
    paint: _Paint,
    subject: BodySubject,
    joints: NDArray[np.float64],
    hands: NDArray[np.float64],
    thumbs: NDArray[np.float64],
    feet: float,
) -> None:
    _draw_trunk(draw, paint, subject, joints, feet)
    _draw_head(draw, paint, subject, joints)
    # The nearer arm is drawn last. Both are drawn over the trunk, because no gesture goes behind the back.
    for i in sorted((0, 1), key=lambda side: float(joints[7 + side, 2])):
        arm = (joints[3 + i], joints[5 + i], joints[7 + i], hands[i], thumbs[i])
        _draw_arm(draw, paint, subject.build.thickness / 2, *arm)


def _draw_head(draw: ImageDraw.ImageDraw, paint: _Paint, subject: BodySubject, joints: NDArray[np.float64]) -> None:
    radius = subject.build.head
    x, y = _point(joints[0])
    collar = (_point(joints[3])[1] + _point(joints[4])[1]) / 2
    _capsule(draw, (x, y), (x, collar - 0.2 * radius), 0.5 * radius, 0.5 * radius, paint.skin_dark)
    _ellipse(draw, (x, y), 0.9 * radius, 1.12 * radius, paint.skin)
    draw.pieslice(_box((x, y - 0.1 * radius), 0.95 * radius, 1.1 * radius), 190, 350, fill=paint.hair)
    for side in (-1, 1):
        _ellipse(draw, (x + side * 0.35 * radius, y + 0.15 * radius), 1.5, 1.5, paint.hair)


def _draw_trunk(
    draw: ImageDraw.ImageDraw, paint: _Paint, subject: BodySubject, joints: NDArray[np.float64], feet: float
) -> None:
    build = subject.build
    (_, chest), (x, navel), (left, y_left), (right, y_right) = (_point(joints[i]) for i in range(1, 5))
    hip = navel + 0.3 * build.trunk
    thick = build.thickness / 2
    waist = 0.82 * build.shoulder + 0.3 * thick
    for side in (-1, 1):
        # The legs end below the frame.
        foot = (x + side * 0.62 * waist, feet)
        _capsule(draw, (x + side * 0.5 * waist, hip), foot, 0.5 * waist, 0.45 * waist, paint.trousers)
    outline = [
        (right - 0.6 * thick, y_right),
        (right + 0.2 * thick, y_right - 0.9 * thick),
        (left - 0.2 * thick, y_left - 0.9 * thick),
        (left + 0.6 * thick, y_left),
        (x + waist, navel),
        (x + waist, hip + 4),
        (x - waist, hip + 4),
        (x - waist, navel),
    ]
    _polygon(draw, outline, paint.vest, paint.vest_dark)
    if paint.stripe is not None:
        y = chest + 0.45 * build.trunk
        _polygon(draw, [(x - waist, y - 2), (x + waist, y - 2), (x + waist, y + 2), (x - waist, y + 2)], paint.stripe)
    top = chest - 0.1 * build.trunk
    _polygon(draw, [(x - 0.5, top), (x + 0.5, top), (x + 0.5, hip), (x - 0.5, hip)], paint.vest_dark)


def _draw_arm(
    draw: ImageDraw.ImageDraw,
    paint: _Paint,
    radius: float,
    shoulder: NDArray[np.float64],
    elbow: NDArray[np.float64],
    wrist: NDArray[np.float64],
    hand: NDArray[np.float64],
    thumb: NDArray[np.float64],
) -> None:
    # Parts nearer to the camera are thicker.
    r_shoulder, r_elbow, r_wrist, r_hand = (
        part * radius * (1 + float(point[2]) / 300)
        for part, point in zip((1.05, 0.95, 0.8, 0.85), (shoulder, elbow, wrist, hand), strict=True)
    )
    for grow, colour in ((1.2, paint.sleeve_dark), (0.0, paint.sleeve)):
        _capsule(draw, _point(shoulder), _point(elbow), r_shoulder + grow, r_elbow + grow, colour)
    for grow, colour in ((1.0, paint.glove_dark), (0.0, paint.glove)):
        _capsule(draw, _point(wrist), _point(hand), 0.9 * r_wrist + grow, r_hand + grow, colour)
        _capsule(draw, _point((wrist + hand) / 2), _point(thumb), 0.8 * r_hand + grow, 0.8 * r_hand + grow, colour)
    for grow, colour in ((1.2, paint.sleeve_dark), (0.0, paint.sleeve)):
        _capsule(draw, _point(elbow), _point(wrist), r_elbow + grow, r_wrist + grow, colour)


def _point(joint: NDArray[np.float64]) -> Point:
    return float(joint[0]), float(joint[1])


def _capsule(draw: ImageDraw.ImageDraw, a: Point, b: Point, ra: float, rb: float, colour: Colour) -> None:
    """A limb segment: discs of radii ra and rb at its ends, and the band between them."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = math.hypot(dx, dy)
    if length > 1e-6:
        nx, ny = -dy / length, dx / length
        corners = [
            (a[0] + nx * ra, a[1] + ny * ra),
            (b[0] + nx * rb, b[1] + ny * rb),
            (b[0] - nx * rb, b[1] - ny * rb),
            (a[0] - nx * ra, a[1] - ny * ra),
        ]
        _polygon(draw, corners, colour)
    _ellipse(draw, a, ra, ra, colour)
    _ellipse(draw, b, rb, rb, colour)


def _polygon(draw: ImageDraw.ImageDraw, corners: Sequence[Point], fill: Colour, outline: Colour | None = None) -> None:
    draw.polygon([(x + 0.5, y + 0.5) for x, y in corners], fill=fill, outline=outline)


def _ellipse(draw: ImageDraw.ImageDraw, centre: Point, rx: float, ry: float, colour: Colour) -> None:
    draw.ellipse(_box(centre, rx, ry), fill=colour)


def _box(centre: Point, rx: float, ry: float) -> tuple[float, float, float, float]:
    x, y = centre
    return x - rx + 1, y - ry + 1, x + rx, y + ry
