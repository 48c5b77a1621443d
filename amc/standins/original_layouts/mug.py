"""Writes the stand-in for MUG in the file layout of MUG, as input for its importer.

    PROCEDURAL.txt                                        marks the folder as generated, with the settings
    subjects3/001/anger/take000/img_0000.jpg, …           896 x 896 pixels; for even subjects in a folder `session0`
    subjects3/001/anger/take000/openface.csv              exact landmarks and action units, as a table of OpenFace
    truth.json                                            the peak frame of each take

Each take appears when it is complete; rerun the same command to complete an interrupted run. `truth.json` appears
last.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amc.cache import creating
from amc.data.datasets.landmarks import LANDMARKS
from amc.data.datasets.mug import EMOTIONS
from amc.data.procedural_marker import mark_procedural
from amc.data.similarity import Similarity
from amc.errors import UserError
from amc.importing.mug.source_files import TOP
from amc.processes import cores, parallel_map
from amc.progress import Progress
from amc.standins.face.clip import COPIES
from amc.standins.face.expressions import expression
from amc.standins.face.geometry import FRAME, PIXELS
from amc.standins.face.layers import layers
from amc.standins.face.performance import Performance, draw_performance, intensities, landmarks
from amc.standins.face.render import lighting, lit, paint, wall
from amc.standins.face.subjects import SUBJECTS, subject
from amc.standins.face.units import NUMBERS
from amc.standins.registry import MUG

TRUTH = "truth.json"
TABLE = "openface.csv"
RATE = 19.0  # frames per second of MUG's camera
LENGTH = (50, 160)  # frames of a take
_BEFORE, _AFTER = 30, 12  # minimum number of frames before and after the peak
_NEUTRAL_EVERY = 8  # takes of an expression per neutral take
_QUALITY = 90  # of the JPEG files
CLIPS_PER_RECORDING = COPIES  # clips that `prepare mug` cuts from a take by default
_FRAME_BYTES = 70_000  # approximate size of a JPEG file
_AT_ONCE = 8  # frames drawn at a time
_DESCRIPTION = "These pictures are a procedural stand-in for MUG: drawn faces, no photographs of people."
_ADVICE = "rerun the command; complete takes are kept"

# Class names of the paper to folder names of MUG, where they differ.
FOLDERS = {"happy": "happiness", "sad": "sadness"}

# Columns of OpenFace 2.x with `-2Dfp -aus`: 17 intensities and 18 presences.
INTENSITIES = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)
PRESENCES = tuple(sorted((*INTENSITIES, 28)))
COLUMNS = (
    *("frame", "face_id", "timestamp", "confidence", "success"),
    *(f"{axis}_{i}" for axis in "xy" for i in range(LANDMARKS)),
    *(f"AU{unit:02d}_r" for unit in INTENSITIES),
    *(f"AU{unit:02d}_c" for unit in PRESENCES),
)


@dataclass(frozen=True)
class PlannedTake:
    """One take: its path in the folder, class, subject, and the number that its random properties depend on."""

    place: str
    label: int | None  # None for a neutral take
    subject: int
    number: int

    @property
    def emotion(self) -> str:
        """The paper's class name, or "neutral"."""
        return "neutral" if self.label is None else EMOTIONS[self.label]


def write_original_layout(
    folder: Path,
    *,
    clips: int,
    classes: int | None,
    subjects: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    workers: int | None = None,
) -> str:
    """Writes the files, or completes a run that was interrupted.

    Args:
        folder: a new or empty folder, or one that was started with the same settings.
        clips: number of takes that show an expression; one neutral take is added per 8.
        classes: number of emotions; None for all 6.
        subjects: number of subjects; None for 52, as in MUG.
        seed: random seed of subjects and performances.
        progress: called with (takes written, total).
        workers: worker processes; None for one per core. The files do not depend on it.

    Returns:
        A summary of a few lines.

    Raises:
        UserError: a number is out of range, the disk has too little space, or the folder has other content or cannot
            be written.
    """
    count = len(EMOTIONS) if classes is None else classes
    if not 2 <= count <= len(EMOTIONS):
        raise UserError(f"{count} classes: the stand-in for mug has 2 to {len(EMOTIONS)}")
    people = SUBJECTS if subjects is None else subjects
    if people < 1:
        raise UserError(f"{people} subjects: choose 1 or more")
    if clips < 1:
        raise UserError(f"{clips} clips: choose 1 or more")
    if seed < 0:
        raise UserError(f"seed {seed}: choose 0 or more")
    folder = Path(folder).expanduser().absolute()
    # Checked before the takes are listed, because a list of too many takes would not fit in memory.
    if LENGTH[0] * clips * _FRAME_BYTES > shutil.disk_usage(_existing(folder)).total:
        raise UserError(f"{clips} clips do not fit on the disk of {folder}: choose fewer --clips")
    planned = plan(clips, count, people)
    lengths = [performance_of(each, seed).length for each in planned]
    try:
        # Holding the lock of this file lets one process write the folder; writing it last marks it as complete.
        with creating(folder / TRUTH) as truth:
            mark_procedural(
                folder, "mug", _DESCRIPTION, _recipe(clips=clips, classes=count, subjects=people, seed=seed)
            )
            _room(folder, [n for n, each in zip(lengths, planned, strict=True) if not (folder / each.place).is_dir()])
            make = partial(write_take, folder, seed)
            with closing(parallel_map(make, planned, cores() if workers is None else workers, advice=_ADVICE)) as made:
                for done, _ in enumerate(made, start=1):
                    if progress is not None:
                        progress(done, len(planned))
            truth.write_text(json.dumps(_truth(planned, seed), indent=1) + "\n", encoding="utf-8", newline="\n")
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror or error}") from error
    shown = len({each.subject for each in planned})
    return (
        f"{folder}: {clips} takes of {count} expressions and {len(planned) - clips} neutral ones by {shown} subjects, "
        f"{sum(lengths)} frames, origin=procedural\n"
        f"  next: {sys.executable} -m amc.data prepare mug {quote(str(folder))} --out mug.h5"
    )


def plan(clips: int, classes: int, subjects: int = SUBJECTS) -> tuple[PlannedTake, ...]:
    """All takes, balanced over emotions and subjects, with neutral takes in between."""
    shift = math.lcm(classes, subjects)
    wanted: list[tuple[int | None, int]] = []
    for i in range(clips):
        who = (i + i // shift) % subjects
        wanted.append((i % classes, who))
        if i % _NEUTRAL_EVERY == _NEUTRAL_EVERY - 1:
            wanted.append((None, who))
    takes: Counter[str] = Counter()
    found = []
    for number, (label, who) in enumerate(wanted):
        name = "neutral" if label is None else FOLDERS.get(EMOTIONS[label], EMOTIONS[label])
        session = "session0/" if who % 2 else ""
        place = f"{TOP}/{who + 1:03d}/{session}{name}"
        found.append(PlannedTake(f"{place}/take{takes[place]:03d}", label, who, number))
        takes[place] += 1
    return tuple(found)


def performance_of(planned: PlannedTake, seed: int) -> Performance:
    """The performance that a take shows."""
    return draw_performance(planned.number, seed, length=LENGTH, before=_BEFORE, after=_AFTER)


def write_take(folder: Path, seed: int, planned: PlannedTake) -> None:
    """Writes the frames and the table of a take, unless it exists.

    Raises:
        UserError: the folder cannot be written.
    """
    final = folder / planned.place
    if final.is_dir():
        return
    # Needs no lock, because the parent process holds the folder's. The importer ignores hidden names.
    unfinished = final.with_name(f".{final.name}.partial")
    try:
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(parents=True)
        points, strength = _frames(unfinished, performance_of(planned, seed), planned, seed)
        (unfinished / TABLE).write_text(table(points, strength), encoding="ascii", newline="\n")
        os.replace(unfinished, final)
    except OSError as error:
        raise UserError(f"cannot write {final}: {error.strerror or error}") from error


def table(points: NDArray[np.float64], strength: NDArray[np.float64]) -> str:
    """Formats a table as OpenFace does: CSV with the same numbers of digits and a space after each comma.

    Args:
        points: (n, 68, 2) pixels.
        strength: (n, units) in the order of `NUMBERS`.
    """
    column = {unit: strength[:, i] for i, unit in enumerate(NUMBERS)}
    nothing = np.zeros(len(points))
    lines = [", ".join(COLUMNS)]
    for t, places in enumerate(points):
        cells = [str(t + 1), "0", f"{t / RATE:.3f}", "0.98", "1"]
        cells += [f"{value:.1f}" for value in places.T.ravel()]
        cells += [f"{column.get(unit, nothing)[t]:.2f}" for unit in INTENSITIES]
        cells += [f"{float(column.get(unit, nothing)[t] >= 1):.2f}" for unit in PRESENCES]
        lines.append(", ".join(cells))
    return "\n".join(lines) + "\n"


def _frames(
    folder: Path, take: Performance, planned: PlannedTake, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Writes the frames and returns their landmarks (n, 68, 2) and intensities (n, units)."""
    who, shown = subject(planned.subject, seed), expression(planned.label, take)
    times = np.arange(take.length, dtype=np.float64)
    strength = intensities(take, shown.intensity, times)
    points = landmarks(who.shape, take, strength, shown.sides, times, who.look.hairline)
    whole = Similarity(complex(1 / FRAME), 0j)
    behind, lights = wall(whole, FRAME), lighting(whole, FRAME, take.light, take.shade)
    for start in range(0, take.length, _AT_ONCE):
        part = slice(start, min(start + _AT_ONCE, take.length))
        drawn = layers(points[part], strength[part], who.look, PIXELS * who.shape.scale)
        for t, picture in enumerate(paint(behind, drawn, part.stop - part.start), start=start):
            Image.fromarray(lit(picture, lights)).save(folder / f"img_{t:04d}.jpg", quality=_QUALITY)
    return points[:, :LANDMARKS], strength


def _truth(planned: tuple[PlannedTake, ...], seed: int) -> dict[str, object]:
    def row(each: PlannedTake) -> dict[str, object]:
        take = performance_of(each, seed)
        return {
            "take": each.place,
            "emotion": each.emotion,
            "subject": each.subject + 1,
            "frames": take.length,
            "peak": None if each.label is None else take.peak,
        }

    return {"peak": "the frame of greatest intensity, counted from 0", "takes": [row(each) for each in planned]}


def _recipe(*, clips: int, classes: int, subjects: int, seed: int) -> dict[str, Any]:
    return {
        "tool": "amc.standins.distributions.mug",  # a fixed name: changing it would change the written data
        "version": MUG.version,
        "arguments": {"clips": clips, "classes": classes, "subjects": subjects, "seed": seed},
    }


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _room(folder: Path, lengths: list[int]) -> None:
    needed, free = sum(lengths) * _FRAME_BYTES, shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"{folder}: needs about {needed / 1e9:.1f} GB, but {free / 1e9:.1f} GB are free; choose fewer --clips"
        )
