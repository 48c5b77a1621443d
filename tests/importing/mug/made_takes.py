"""Small copies of MUG's layout: a drawn face with a coloured dot on each keypoint, and OpenFace's table beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from amc.data.datasets.mug import KEYPOINT_LANDMARKS

SIDE = 160  # of the pictures, in pixels
EYES = 30.0  # between the eyes' centres
EMOTIONS = ("anger", "happiness", "surprise")

# Far apart from each other and from the grey of the rest, and so after JPEG and shrinking.
COLOURS = (
    *((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255), (0, 255, 255)),
    *((255, 255, 255), (0, 0, 0), (255, 128, 0), (0, 128, 255), (128, 0, 128)),
)
MEASURED = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)
PRESENT = (*MEASURED[:16], 28, 45)


def neutral_face() -> NDArray[np.float64]:
    """(68, 2): a symmetric face, in distances of the eyes' centres from the middle between them; y down."""
    angle = np.linspace(np.pi, 0, 17)
    jaw = np.stack([1.15 * np.cos(angle), 0.15 + 1.75 * np.sin(angle)], axis=1)
    brow = np.array([(-0.95, -0.3), (-0.8, -0.42), (-0.6, -0.46), (-0.4, -0.44), (-0.22, -0.38)])
    bridge = np.array([(0, -0.04), (0, 0.16), (0, 0.36), (0, 0.56)])
    base = np.array([(-0.24, 0.69), (-0.12, 0.74), (0, 0.77), (0.12, 0.74), (0.24, 0.69)])
    eye = np.array([(-0.7, -0.015), (-0.58, -0.1), (-0.42, -0.1), (-0.3, 0.015), (-0.42, 0.07), (-0.58, 0.07)])
    other_eye = eye[[3, 2, 1, 0, 5, 4]] * (-1, 1)
    upper = np.array([(-0.45, 1.12), (-0.28, 1.03), (-0.1, 0.99), (0, 1.01), (0.1, 0.99), (0.28, 1.03), (0.45, 1.12)])
    lower = np.array([(0.28, 1.24), (0.1, 1.29), (0, 1.3), (-0.1, 1.29), (-0.28, 1.24)])
    inner = np.array(
        [(-0.38, 1.12), (-0.1, 1.1), (0, 1.11), (0.1, 1.1), (0.38, 1.12), (0.1, 1.14), (0, 1.15), (-0.1, 1.14)]
    )
    brows = np.concatenate([brow, (brow * (-1, 1))[::-1]])
    return np.concatenate([jaw, brows, bridge, base, eye, other_eye, upper, lower, inner])


def face(strength: float, *, shift: tuple[float, float] = (0.0, 0.0)) -> NDArray[np.float64]:
    """(68, 2) in pixels: the mouth opens and the left brow alone rises by `strength` 0-1, so that a flip shows."""
    points = neutral_face()
    points[[55, 56, 57, 58, 59, 65, 66, 67], 1] += 0.35 * strength
    points[4:13, 1] += 0.2 * strength
    points[22:27, 1] -= 0.3 * strength
    return points * EYES + (SIDE / 2, 50) + np.array(shift)


def picture(points: NDArray[np.float64]) -> Image.Image:
    """A grey face with a coloured dot of 7 pixels on each keypoint."""
    image = Image.new("RGB", (SIDE, SIDE), (128, 128, 128))
    draw = ImageDraw.Draw(image)
    for (x, y), colour in zip(points[list(KEYPOINT_LANDMARKS)], COLOURS, strict=True):
        draw.ellipse((x - 3.5, y - 3.5, x + 3.5, y + 3.5), fill=colour)
    return image


def table(
    landmarks: Sequence[NDArray[np.float64]],
    units: dict[int, Sequence[float]] | None = None,
    failed: Sequence[int] = (),
    separator: str = ", ",
) -> str:
    """A table as `-2Dfp -aus` writes it; `units` that are not given are 0, and None leaves out all AU columns."""
    x, y = ([f"{axis}_{i}" for i in range(68)] for axis in "xy")
    header = ["frame", "face_id", "timestamp", "confidence", "success", *x, *y]
    if units is not None:
        header += [f"AU{u:02d}_r" for u in MEASURED] + [f"AU{u:02d}_c" for u in PRESENT]
    lines = [separator.join(header)]
    for i, points in enumerate(landmarks):
        bad = i in failed
        cells = [str(i + 1), "0", f"{i / 20:.3f}", "0.02" if bad else "0.98", "0" if bad else "1"]
        cells += [f"{0.0 if bad else v:.3f}" for v in (*points[:, 0], *points[:, 1])]
        if units is not None:
            cells += [f"{units[u][i] if u in units else 0.0:.2f}" for u in MEASURED] + ["0.00"] * len(PRESENT)
        lines.append(separator.join(cells))
    return "\n".join(lines) + "\n"


def strengths(frames: int, peak: int) -> NDArray[np.float64]:
    """(frames,): from 0 to 1 at the peak and back."""
    return np.maximum(0.0, 1 - np.abs(np.arange(frames) - peak) / max(4, frames // 3))


def write_take(
    folder: Path,
    *,
    frames: int = 20,
    peak: int = 12,
    units: dict[int, Sequence[float]] | None = None,
    first: int = 0,
    failed: Sequence[int] = (),
    csv: Path | None = None,
    name: str = "img_{:04d}.jpg",
    shift: tuple[float, float] = (0.0, 0.0),
) -> None:
    """One take; its table goes to `csv` (default: `openface.csv` in the folder)."""
    folder.mkdir(parents=True)
    faces = [face(s, shift=shift) for s in strengths(frames, peak)]
    for i, points in enumerate(faces):
        picture(points).save(folder / name.format(first + i), quality=95, subsampling=0)
    place = csv or folder / "openface.csv"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(table(faces, units, failed))


def own_units(frames: int, peak: int) -> dict[int, Sequence[float]]:
    """AU 5, 12 and 26, which are of all three emotions of `EMOTIONS` together, strongest at the peak."""
    rise = (4 * strengths(frames, peak)).tolist()
    return {5: rise, 12: rise, 26: rise}


def write_mug(top: Path, people: Sequence[str] = ("001", "002", "003"), takes: int = 1, frames: int = 20) -> Path:
    """`top/subjects3` with takes of three emotions; peaks differ from take to take."""
    for p, person in enumerate(people):
        for e, emotion in enumerate(EMOTIONS):
            for t in range(takes):
                folder = top / "subjects3" / person / f"session{t}" / emotion / f"take{t:03d}"
                peak = 9 + (p + e + t) % 6
                write_take(folder, frames=frames, peak=peak, units=own_units(frames, peak), shift=(p, 2 * e + t))
    return top
