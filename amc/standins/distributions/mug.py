"""The MUG stand-in laid out as the real data set is distributed, so that its importer has something to import.

    PROCEDURAL.txt                                        says what this is and what made it
    subjects3/001/anger/take000/img_0000.jpg, …           896 x 896; even subjects have a folder `session0` between
    subjects3/001/anger/take000/openface.csv              what OpenFace would find, here exactly: landmarks and units
    truth.json                                            the peak frame of each take

Takes appear one by one when they are complete, and are kept when the same command runs again; `truth.json` appears
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
from amc.errors import UserError
from amc.importing.mug.alignment import Similarity
from amc.importing.mug.distribution import TOP
from amc.importing.procedural_marker import mark_procedural
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
RATE = 19.0  # frames a second of MUG's camera
LENGTH = (50, 160)  # frames of a take
_BEFORE, _AFTER = 30, 12  # frames at least before and after the peak
_NEUTRAL_EVERY = 8  # takes of an expression to one without
_QUALITY = 90  # of the JPEG files
CLIPS_A_RECORDING = COPIES  # that `prepare mug` draws by default
_FRAME_BYTES = 70_000  # of one such file, about
_AT_ONCE = 8  # frames drawn at a time
_TOLD = "These pictures are a procedural stand-in for MUG: drawn faces, nobody was photographed."
_AGAIN = "run the command again, takes that are complete are kept"

# The paper's names of classes -> MUG's names of folders.
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
    """One take: where it goes (below the folder), who shows what, and its number, of which all else is drawn."""

    place: str
    label: int | None  # None: neutral
    subject: int
    number: int

    @property
    def emotion(self) -> str:
        """The paper's name of the class, or "neutral"."""
        return "neutral" if self.label is None else EMOTIONS[self.label]


def write_distribution(
    folder: Path,
    *,
    clips: int,
    classes: int | None,
    seed: int = 0,
    progress: Progress | None = None,
    workers: int | None = None,
) -> str:
    """Write the distribution; run again after an interruption it completes what is there.

    Args:
        folder: new, empty, or begun with the same settings.
        clips: takes of an expression; one neutral take is added for every 8.
        classes: the first so many emotions; None for all 6.
        seed: of subjects and performances.
        progress: called with (takes done, all).
        workers: processes; None for one a core. The files are the same.

    Returns:
        A summary of a few lines.

    Raises:
        UserError: sizes that make no data set, a disk that is too full, a folder that holds something else, or one
            that cannot be written.
    """
    count = len(EMOTIONS) if classes is None else classes
    if not 2 <= count <= len(EMOTIONS):
        raise UserError(f"{count} classes: the stand-in has 2 to {len(EMOTIONS)}")
    if clips < 1:
        raise UserError(f"{clips} clips: a stand-in needs at least 1")
    if seed < 0:
        raise UserError(f"seed {seed}: it must not be negative")
    folder = Path(folder).expanduser().absolute()
    # Before a plan is made that memory would not hold, and whatever is there already.
    if LENGTH[0] * clips * _FRAME_BYTES > shutil.disk_usage(_existing(folder)).total:
        raise UserError(f"{clips} clips are more than the disk of {folder} could hold: give fewer --clips")
    planned = plan(clips, count)
    lengths = [performance_of(each, seed).length for each in planned]
    try:
        # Asked for first and made last, so that one process writes here.
        with creating(folder / TRUTH) as truth:
            mark_procedural(folder, "mug", _TOLD, _recipe(clips=clips, classes=count, seed=seed))
            _room(folder, [n for n, each in zip(lengths, planned, strict=True) if not (folder / each.place).is_dir()])
            make = partial(write_take, folder, seed)
            with closing(parallel_map(make, planned, cores() if workers is None else workers, advice=_AGAIN)) as made:
                for done, _ in enumerate(made, start=1):
                    if progress is not None:
                        progress(done, len(planned))
            truth.write_text(json.dumps(_truth(planned, seed), indent=1) + "\n", encoding="utf-8", newline="\n")
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror or error}") from error
    people = len({each.subject for each in planned})
    return (
        f"{folder}: {clips} takes of {count} expressions and {len(planned) - clips} neutral ones by {people} subjects, "
        f"{sum(lengths)} frames, origin=procedural\n"
        f"  next: {sys.executable} -m amc.data prepare mug {quote(str(folder))} --out mug.h5"
    )


def plan(clips: int, classes: int) -> tuple[PlannedTake, ...]:
    """All takes: each emotion, and each subject, equally often within one; the neutral ones among them."""
    shift = math.lcm(classes, SUBJECTS)
    wanted: list[tuple[int | None, int]] = []
    for i in range(clips):
        who = (i + i // shift) % SUBJECTS
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
    """What is random about a take."""
    return draw_performance(planned.number, seed, length=LENGTH, before=_BEFORE, after=_AFTER)


def write_take(folder: Path, seed: int, planned: PlannedTake) -> None:
    """A take's frames and table, where they are not there yet.

    Raises:
        UserError: the folder cannot be written.
    """
    final = folder / planned.place
    if final.is_dir():
        return
    # No lock: this process's parent holds the folder's. Hidden names are no takes.
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
    """The CSV that OpenFace would write, with its digits and a space after every comma.

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
    """Write the pictures; the landmarks (n, 68, 2) and intensities (n, units) of all of them."""
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


def _recipe(*, clips: int, classes: int, seed: int) -> dict[str, Any]:
    return {
        "tool": "amc.standins.distributions.mug",
        "version": MUG.version,
        "arguments": {"clips": clips, "classes": classes, "seed": seed},
    }


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _room(folder: Path, lengths: list[int]) -> None:
    needed, free = sum(lengths) * _FRAME_BYTES, shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"{folder}: about {needed / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free; give fewer --clips"
        )
