"""Makes a study: chooses conditions, encodes the clips of all sources alike and writes the design."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amc.errors import UserError
from analysis.preference.clips import write_clips
from analysis.preference.design import (
    CATCH_TRIALS,
    NONE,
    TRUTH,
    Catch,
    Comparison,
    Condition,
    Design,
    ExclusionRule,
    Source,
    write_design,
)
from analysis.preference.power import power_curve, smallest_preference
from analysis.preference.sources import ClipSource, GeneratedClips, VideoFolder, checkpoint_folder, generate
from analysis.preference.texts import write_default_texts
from analysis.statistics.levels import ALPHA

SHOWN, HIDDEN, BOTH = "shown", "hidden", "both"
AUTO = "auto"
RATE = 10.0  # frames per second, as in the videos of `amc generate`
LEAST_CONDITIONS = 2  # fewer give no interval over conditions
_CONDITIONS, _CLIP_IDS, _BROKEN = 1, 2, 3  # random streams
_TILES = 4


@dataclass(frozen=True)
class Request:
    """What a study is made of.

    Attributes:
        sources: (name, path) of the methods; the first is compared with all others.
        truth: folder of real videos, or `auto` for the test clips of the trained runs.
        classes: class of each condition, for folders.
        labels: shown, hidden or both.
        data: clip file of the runs, where they were trained on one.
        runs: folder of the studies that trials are looked up in.
    """

    sources: Sequence[tuple[str, Path]]
    truth: str
    conditions: int
    raters: int
    naming: bool
    labels: str
    seed: int
    classes: Mapping[str, str]
    data: Path | None
    runs: Path


def create(request: Request, out: Path) -> Design:
    """Makes the study `out` and returns its design. Nothing is left behind if it fails.

    Raises:
        UserError: a source cannot be used, sources do not fit together, `out` exists, or the disk is full.
    """
    check_request(request, out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".partial", dir=out.parent))
    except OSError as error:
        raise UserError(f"cannot write to {out.parent}: {error.strerror}; choose another --out") from error
    try:
        design = _write(request, out.name, staged)
        staged.chmod(0o755)
        os.rename(staged, out)
    except OSError as error:
        raise UserError(f"cannot write the study {out}: {error.strerror or error}; free some disk space") from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return design


def check_request(request: Request, out: Path) -> None:
    """Checks what can be checked without reading a clip.

    Raises:
        UserError: as for `create`.
    """
    if out.exists():
        raise UserError(f"--out {out} already exists: choose another folder, or delete it to make the study again")
    names = [name for name, _ in request.sources]
    for name in names:
        if name == TRUTH or names.count(name) > 1 or not name.replace("_", "").replace("-", "").isalnum():
            raise UserError(
                f"--source {name}=…: names must be different, of letters, digits, '-' and '_', and not {TRUTH!r}"
            )
    least = LEAST_CONDITIONS * (2 if request.labels == BOTH else 1)
    if request.conditions < least:
        raise UserError(
            f"--conditions {request.conditions} is too few: with --labels {request.labels} a study needs {least}"
        )
    if request.naming and request.labels == SHOWN:
        raise UserError("--naming needs conditions whose label is hidden: give --labels hidden or --labels both")


def _write(request: Request, name: str, folder: Path) -> Design:
    opened = _open(request, folder)
    names, labels, class_names, dataset = _conditions(request, opened)
    clip_ids = iter(_clip_ids(len(names) * len(opened) + CATCH_TRIALS + 2, request.seed))
    sources = tuple(
        Source(source, clips.origin, tuple(next(clip_ids) for _ in names)) for source, clips in opened.items()
    )
    conditions = tuple(Condition(*one) for one in zip(names, labels, _shown(request, len(names)), strict=True))
    shown = sorted({one.label_shown for one in conditions}, reverse=True)
    catch = Catch(
        tuple(i % len(names) for i in range(CATCH_TRIALS)), tuple(next(clip_ids) for _ in range(CATCH_TRIALS))
    )
    training = (next(clip_ids), next(clip_ids))
    comparisons = tuple(Comparison(source.name, label) for label in shown for source in sources[1:])

    def clips() -> Iterator[tuple[str, NDArray[np.uint8]]]:
        truth, rng = opened[TRUTH], np.random.default_rng([request.seed, _BROKEN])
        shape = truth.frames(names[0]).shape
        for source in sources:
            for condition, clip_id in zip(names, source.clips, strict=True):
                yield clip_id, _checked(opened[source.name].frames(condition), shape, source.name, condition)
        for i, clip_id in zip(catch.conditions, catch.broken, strict=True):
            yield clip_id, broken(truth.frames(names[i]), rng)
        yield training[0], truth.frames(names[0])
        yield training[1], broken(truth.frames(names[0]), rng)

    sha256, quality = write_clips(folder, clips)
    frames, height, width, _ = opened[TRUTH].frames(names[0]).shape
    per_comparison = min(sum(one.label_shown == label for one in conditions) for label in shown)
    design = Design(
        name=name,
        seed=request.seed,
        raters=request.raters,
        dataset=dataset,
        sources=sources,
        conditions=conditions,
        class_names=class_names,
        naming=request.naming,
        comparisons=comparisons,
        catch=catch,
        exclusion=ExclusionRule.for_trials(CATCH_TRIALS),
        training=training,
        frames=frames,
        height=height,
        width=width,
        rate=RATE,
        clips_sha256=sha256,
        jpeg_quality=quality,
        smallest_preference=smallest_preference(power_curve(request.raters, per_comparison, ALPHA / len(comparisons))),
    )
    write_design(design, folder)
    write_default_texts(folder)
    return design


def _open(request: Request, folder: Path) -> dict[str, ClipSource]:
    """The sources with the truth last; generated clips are made in a folder that is deleted afterwards."""
    opened: dict[str, ClipSource] = {}
    truth: ClipSource | None = None if request.truth == AUTO else VideoFolder.open(Path(request.truth))
    conditions = None
    for name, path in request.sources:
        run = checkpoint_folder(path, request.runs)
        if run is None:
            opened[name] = VideoFolder.open(path)
            continue
        with tempfile.TemporaryDirectory(prefix="generated-", dir=folder) as scratch:
            made = generate(run, request.data, request.conditions, request.seed, Path(scratch))
        opened[name] = made.method
        if request.truth == AUTO:
            truth = truth or made.truth
        if conditions not in (None, made.conditions):
            raise UserError(
                f"--source {name}={path} differs from the runs before it in data, classes, test clips or velocities: "
                "give runs that were trained on the same data with the same split"
            )
        conditions = made.conditions
    if truth is None:
        raise UserError("no source is a trained run, so there are no test clips: give --truth FOLDER with real videos")
    return {**opened, TRUTH: truth}


def _conditions(
    request: Request, opened: Mapping[str, ClipSource]
) -> tuple[list[str], list[str | None], tuple[str, ...], str | None]:
    """Names and labels of the chosen conditions, all class names, and the data set."""
    available = opened[TRUTH].names
    for source, clips in opened.items():
        for lacking, having in (
            (set(available) - set(clips.names), source),
            (set(clips.names) - set(available), TRUTH),
        ):
            if lacking:
                more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
                other = TRUTH if having == source else source
                raise UserError(
                    f"{having} has no video named {min(lacking)!r}{more}, which {other} has: "
                    "give all sources the same conditions"
                )
    if len(available) < request.conditions:
        raise UserError(
            f"--conditions {request.conditions}: only {len(available)} conditions are available; "
            f"give --conditions {len(available)} or less, or add videos"
        )
    rng = np.random.default_rng([request.seed, _CONDITIONS])
    names = [available[i] for i in rng.permutation(len(available))[: request.conditions]]
    generated = next((clips for clips in opened.values() if isinstance(clips, GeneratedClips)), None)
    known = dict(request.classes) or (dict(generated.labels) if generated else {})
    class_names = tuple(sorted(set(known.values()))) if request.classes or not generated else generated.class_names
    unknown = [name for name in names if name not in known]
    if unknown and (known or request.labels != HIDDEN or request.naming):
        raise UserError(
            f"the class of {unknown[0]!r} is unknown: give --classes FILE.csv with the columns video and class"
            + ("" if request.naming else ", or --labels hidden")
        )
    if NONE in class_names:
        raise UserError(f"a class is named {NONE!r}, which is the answer for none of the classes: rename it")
    return names, [known.get(name) for name in names], class_names, generated.dataset if generated else None


def _shown(request: Request, count: int) -> list[bool]:
    """Whether each condition's label is shown; with `both`, in the first half (the conditions are in random order)."""
    if request.labels == BOTH:
        return [i < count // 2 for i in range(count)]
    return [request.labels == SHOWN] * count


def _clip_ids(count: int, seed: int) -> list[str]:
    """Distinct ids in random order, so that they tell nothing about their source."""
    return [f"c{number:05d}" for number in np.random.default_rng([seed, _CLIP_IDS]).permutation(count)]


def _checked(frames: NDArray[np.uint8], shape: tuple[int, ...], source: str, condition: str) -> NDArray[np.uint8]:
    if frames.shape != shape:
        found, wanted = (f"{t} frames of {w} x {h} pixels" for t, h, w, _ in (frames.shape, shape))
        raise UserError(f"{source}, {condition!r}: {found}, but the first real clip has {wanted}; make them equal")
    return frames


def broken(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A clip (T, H, W, 3) cut into 4 x 4 tiles that are in wrong places, the same ones in all frames.

    No tile flickers: flashing pictures can harm some people.
    """
    _, height, width, _ = frames.shape
    tall, wide = height // _TILES, width // _TILES
    if not tall or not wide:
        raise UserError(f"clips of {width} x {height} pixels are too small: at least {_TILES} x {_TILES} are needed")
    result = frames.copy()
    cells = [(row * tall, column * wide) for row in range(_TILES) for column in range(_TILES)]
    # A cyclic shift of a random order leaves no tile in its place.
    order = rng.permutation(len(cells))
    for place, taken in zip(order, np.roll(order, 1), strict=True):
        (y, x), (v, u) = cells[place], cells[taken]
        result[:, y : y + tall, x : x + wide] = frames[:, v : v + tall, u : u + wide]
    return result
