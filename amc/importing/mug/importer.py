"""`python -m amc.data prepare mug`: imports a copy of MUG as a clip file (appendix B.1).

OpenFace's table of each take gives 68 landmarks, 11 of which are the keypoints, and action unit intensities. One
similarity per take aligns the face. A clip is T frames around the take's peak frame, at a random stride of 1, 2 or 3,
flipped or not. All clips of a take share its `source_clip`. Keypoints in frames without a face are interpolated, and
are valid in gaps of at most `MAX_GAP` frames.

What cannot be used is left out and named in the summary. The same takes and tables give the same file, for any number
of workers and whatever other files there are.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from amc.argument_types import integer, number
from amc.data.clipfile import ClipInfo, ClipWriter, check_replaceable
from amc.data.datasets.landmarks import LANDMARKS
from amc.data.datasets.mug import KEYPOINT_NAMES, PAIRS, STRIDES
from amc.errors import UserError
from amc.importing.gap_filling import MAX_GAP
from amc.importing.keypoints.reading import read_table
from amc.importing.keypoints.table import parse_names, pixels_only
from amc.importing.mug.clip_variants import DRAWS, distribute_clips, possible_variants, shuffled
from amc.importing.mug.cutting import ImportCounts, cut_take
from amc.importing.mug.openface.program import OPTIONS, find_program
from amc.importing.mug.openface.table import MIN_CONFIDENCE
from amc.importing.mug.peak_frames import ACTION_UNITS, LANDMARK_DISPLACEMENT
from amc.importing.mug.source_files import MugFiles, list_files
from amc.importing.mug.summary import summary
from amc.importing.mug.take_plans import MugSettings, RejectedTake, SelectedTake, TakeInput, TakePlan, plan_take
from amc.importing.problems import Problems
from amc.processes import cores, parallel_map
from amc.progress import console

IMPORTER_VERSION = 1
LARGEST = 2048  # pixels; faces are smaller
FRAMES, SIZE = 32, 64


class _TakesLost(Exception):
    """Takes turned out to be unusable while clips were cut: the file has to be written again without them."""

    def __init__(self, classes: tuple[str, ...], takes: set[str], problems: Problems) -> None:
        super().__init__(classes, takes, problems)
        self.classes, self.takes, self.problems = classes, takes, problems


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `prepare mug`."""
    add = parser.add_argument
    add("source", type=Path, metavar="SRC", help="the folder subjects3 or its parent")
    add("--out", type=Path, required=True, metavar="FILE.h5", help="the clip file to write")
    _add_landmark_arguments(parser)
    _add_clip_arguments(parser)
    add("--strict", action="store_true", help="fail if a take cannot be used")
    add(
        "--workers",
        type=integer(1),
        metavar="N",
        help="worker processes (default: one per core); does not change the file",
    )


def _add_landmark_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments about where landmarks come from."""
    add = parser.add_argument
    add(
        "--openface-csv",
        type=Path,
        metavar="DIR",
        help="folder with OpenFace's tables in the layout of SRC: DIR/<ID>/<emotion>/<take>.csv, or a CSV file in a "
        "folder <take>. Takes without a table there use openface.csv, <take>.csv or the only CSV file in their own "
        "folder, or <take>.csv beside it",
    )
    add(
        "--openface",
        type=Path,
        metavar="PATH",
        help=f"OpenFace's FeatureExtraction, which is run (with {' '.join(OPTIONS)}) on takes without a table; results "
        "are cached",
    )
    add(
        "--keypoints",
        type=Path,
        metavar="TABLE.csv",
        help="keypoint table to use instead of OpenFace: the 68 landmarks in order, or at least the 11 keypoints by "
        "name; peaks are then found by landmarks instead of action units",
    )
    add("--keypoint-names", metavar="a,b,…", help="names of the table's points, instead of those in the table")
    add(
        "--min-confidence",
        type=number(0, 1),
        default=MIN_CONFIDENCE,
        metavar="C",
        help="minimum confidence of OpenFace's rows; rows below it count as not found (default: %(default)s)",
    )


def _add_clip_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments about how clips are cut from takes."""
    add = parser.add_argument
    add("--frames", type=integer(2), default=FRAMES, metavar="T", help="frames per clip (default: %(default)s)")
    add(
        "--size",
        type=integer(1, LARGEST),
        default=SIZE,
        metavar="PIXELS",
        help="height and width of the clips (default: %(default)s)",
    )
    add(
        "--stride",
        type=integer(1),
        metavar="N",
        help="take every N-th frame (default: 1, 2 or 3 at random)",
    )
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument(
        "--draws",
        type=integer(1),
        default=DRAWS,
        metavar="N",
        help="clips per take, all different (default: %(default)s)",
    )
    amount.add_argument(
        "--clips", type=integer(1), metavar="N", help="total number of clips, spread evenly over the takes"
    )
    add(
        "--seed",
        type=integer(0),
        default=0,
        metavar="S",
        help="random seed of strides and flips (default: %(default)s)",
    )
    add(
        "--align",
        choices=("clip", "frame"),
        default="clip",
        help="align the face once per clip, which keeps the head's motion (the default), or in every frame",
    )


def run(args: argparse.Namespace) -> int:
    """Runs the command: writes the file, prints a summary and returns 0.

    Raises:
        UserError: the arguments or takes do not make a data set; nothing is written.
    """
    check_replaceable(args.out)
    settings = _settings(args)
    workers = cores() if args.workers is None else args.workers
    problems = Problems()
    files = list_files(args.source, problems)
    inputs, description = _inputs(args, files, problems)
    plans = _plan(inputs, settings, workers, problems)
    classes = problems.require_classes(args.source, [each.take.label for each in plans], strict=args.strict)
    selected = _select(plans, settings, args)
    while True:
        info = _info(args, files, settings, classes, description, selected)
        try:
            counts, found = _write(args, info, selected, settings, workers, problems)
        except _TakesLost as lost:
            # Selected and numbered again, as if these takes did not exist.
            classes, problems = lost.classes, lost.problems
            plans = [each for each in plans if each.take.name not in lost.takes]
            selected = _select(plans, settings, args)
            continue
        print(summary(args.out, info, settings, selected, counts, found))
        return 0


def _settings(args: argparse.Namespace) -> MugSettings:
    strides = STRIDES if args.stride is None else (args.stride,)
    if args.draws > 2 * len(strides) and args.clips is None and args.draws != DRAWS:
        raise UserError(
            f"--draws {args.draws}: a take has only {2 * len(strides)} different clips (its strides, flipped or not)"
        )
    if args.keypoints is not None and (args.openface is not None or args.openface_csv is not None):
        raise UserError("--keypoints replaces OpenFace: leave out --openface and --openface-csv")
    if args.keypoint_names is not None and args.keypoints is None:
        raise UserError("--keypoint-names requires --keypoints TABLE.csv")
    if args.openface_csv is not None and not args.openface_csv.is_dir():
        raise UserError(f"--openface-csv {args.openface_csv}: no such folder")
    return MugSettings(
        frames=args.frames,
        size=args.size,
        strides=strides,
        align=args.align,
        min_confidence=args.min_confidence,
        tables=args.openface_csv,
        openface=None if args.openface is None else find_program(args.openface),
    )


def _inputs(args: argparse.Namespace, files: MugFiles, problems: Problems) -> tuple[list[TakeInput], str]:
    """Takes with their rows of the keypoint table, if there is one, and the source of the keypoints."""
    if args.keypoints is None:
        return [TakeInput(take) for take in files.takes], "OpenFace"
    names = None if args.keypoint_names is None else parse_names(args.keypoint_names)
    table = pixels_only(args.keypoints, read_table(args.keypoints, names))
    missing = [name for name in KEYPOINT_NAMES if name not in table.names]
    if len(table.names) != LANDMARKS and missing:
        raise UserError(
            f"{args.keypoints}: {len(table.names)} points, but none is called {missing[0]!r}; it must have the "
            f"{LANDMARKS} landmarks in order, or {', '.join(KEYPOINT_NAMES)}"
        )
    columns = (
        list(range(LANDMARKS))
        if len(table.names) == LANDMARKS
        else [table.names.index(name) for name in KEYPOINT_NAMES]
    )
    above = files.top.relative_to(args.source).as_posix()
    inputs, known = [], set()
    for take in files.takes:
        names = (take.place, str(PurePosixPath(above, take.place)), take.name)
        name = next((name for name in names if name in table.videos), None)
        rows = None if name is None else replace(table.videos[name], points=table.videos[name].points[:, columns])
        known |= set(names)
        inputs.append(TakeInput(take, from_table=True, rows=rows))
    unknown = sorted(set(table.videos) - known)
    if unknown:
        problems.note(
            "takes only in the table",
            str(args.keypoints),
            f"{len(unknown)} of its takes are not in the folder: {unknown[0]}, …",
        )
    return inputs, "keypoint table"


def _plan(inputs: Sequence[TakeInput], settings: MugSettings, workers: int, problems: Problems) -> list[TakePlan]:
    """Plans all takes; reports those that cannot be used."""
    plans = []
    with (
        console("reading landmarks", "take") as progress,
        closing(parallel_map(partial(plan_take, settings=settings), inputs, workers)) as results,
    ):
        for i, result in enumerate(results, start=1):
            if isinstance(result, RejectedTake):
                problems.skip(result.kind, result.take.place, result.reason)
            else:
                for kind, message in result.oddities.items():
                    problems.note(kind, result.take.place, message)
                plans.append(result)
            progress(i, len(inputs))
    return plans


def _select(plans: Sequence[TakePlan], settings: MugSettings, args: argparse.Namespace) -> list[SelectedTake]:
    """Selects the variants of each take."""
    choices = {each.take.name: possible_variants(each.length, settings.frames, settings.strides) for each in plans}
    if args.clips is None:
        number: Mapping[str, int] = dict.fromkeys(choices, args.draws)
    else:
        number = distribute_clips({name: len(variants) for name, variants in choices.items()}, args.clips, args.seed)
    groups = [each.take.twin or each.take.name for each in plans]
    sources = {group: source for source, group in enumerate(dict.fromkeys(groups))}
    return [
        SelectedTake(each, sources[group], shuffled(name, choices[name], args.seed)[: number[name]])
        for each, group in zip(plans, groups, strict=True)
        if number[name := each.take.name]
    ]


def _info(
    args: argparse.Namespace,
    files: MugFiles,
    settings: MugSettings,
    classes: tuple[str, ...],
    description: str,
    selected: Sequence[SelectedTake],
) -> ClipInfo:
    peaks = {each.plan.peak.source for each in selected}
    generator: dict[str, Any] = {
        "tool": "amc.importing.mug",
        "version": IMPORTER_VERSION,
        "arguments": {
            "frames": settings.frames,
            "size": settings.size,
            "strides": list(settings.strides),
            "draws": args.draws if args.clips is None else None,
            "clips": args.clips,
            "seed": args.seed,
            "align": settings.align,
            "min_confidence": settings.min_confidence,
            "max_gap": MAX_GAP,
            "keypoints": description,
            "peaks": " and ".join(source for source in (ACTION_UNITS, LANDMARK_DISPLACEMENT) if source in peaks),
        },
    }
    return ClipInfo(
        name="mug",
        origin="procedural" if files.procedural else "mug",
        class_names=classes,
        keypoint_names=KEYPOINT_NAMES,
        pairs=PAIRS,
        generator=generator | ({"subjects": list(files.subjects)} if files.subjects else {}),
    )


def _write(
    args: argparse.Namespace,
    info: ClipInfo,
    selected: Sequence[SelectedTake],
    settings: MugSettings,
    workers: int,
    before: Problems,
) -> tuple[ImportCounts, Problems]:
    """Writes the clips; returns counts and all problems, including those in `before`.

    Raises:
        _TakesLost: some takes are damaged, or a class has no clip.
    """
    counts, problems, damaged = ImportCounts(), Problems(list(before.found)), set()
    size = (settings.size, settings.size)
    jobs = [(each.plan, each.variants) for each in selected]
    with (
        ClipWriter(args.out, info, frames=settings.frames, size=size, keypoints=len(KEYPOINT_NAMES)) as writer,
        console(f"writing {args.out}", "take") as progress,
        closing(parallel_map(partial(cut_take, settings=settings), jobs, workers)) as results,
    ):
        for i, (each, result) in enumerate(zip(selected, results, strict=True), start=1):
            take = each.plan.take
            if isinstance(result, RejectedTake):
                problems.skip(result.kind, take.place, result.reason)
                damaged.add(take.name)
            else:
                counts.empty += result.empty
                counts.classes.sources[take.label] += bool(result.clips)
                counts.peaks[each.plan.peak.source] += bool(result.clips)
                for clip in result.clips:
                    label = info.class_names.index(take.label)
                    writer.add(clip.frames, clip.keypoints, clip.valid, label, take.subject, each.source)
                    counts.classes.add(take.label, clip.valid)
            progress(i, len(selected))
        classes = problems.require_classes(args.source, counts.classes.clips, strict=args.strict)
        lost = {each.plan.take.name for each in selected if each.plan.take.label not in classes}
        if damaged | lost:
            raise _TakesLost(classes, damaged | lost, problems)
    return counts, problems
