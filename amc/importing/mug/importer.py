"""`python -m amc.data prepare mug`: MUG as it is distributed becomes a clip file (appendix B.1).

OpenFace's table of each take gives 68 landmarks, of which 11 are the keypoints, and action unit intensities. Faces are
brought to one place and size by one similarity a take; a clip is T frames around the take's peak frame, at a random
stride of 1, 2 or 3, flipped or not. All clips of a take share its `source_clip`. Keypoints of frames in which no face
was found are filled in over time and count as valid in gaps of at most `MAX_GAP` frames.

What cannot be used is left out and named in the summary. The same takes and tables give the same file, whatever else
lies about and however many processes make it.
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
from amc.data.clipfile import ClipInfo, ClipWriter
from amc.data.datasets.landmarks import LANDMARKS
from amc.data.datasets.mug import KEYPOINT_NAMES, PAIRS
from amc.errors import UserError
from amc.importing.gaps import MAX_GAP
from amc.importing.keypoint_table import parse_names, read_table
from amc.importing.mug.clip_variants import DRAWS, STRIDES, order, possible, shares
from amc.importing.mug.cutting import cut
from amc.importing.mug.distribution import Distribution, read_distribution
from amc.importing.mug.openface import OPTIONS, find_program
from amc.importing.mug.openface_table import MIN_CONFIDENCE
from amc.importing.mug.peaks import ACTION_UNITS, LANDMARK_DISPLACEMENT
from amc.importing.mug.planning import Given, Plan, Refusal, Settings, plan
from amc.importing.mug.summary import Counts, Planned, summary
from amc.importing.problems import Problems
from amc.processes import cores, parallel_map
from amc.progress import console

IMPORTER_VERSION = 1
LARGEST = 2048  # pixels of a clip's side
FRAMES, SIZE = 32, 64


class _TakesLost(Exception):
    """A class has no clip left although it had a plan: the file has to be written again without it."""

    def __init__(self, left: tuple[str, ...], refused: set[str], problems: Problems) -> None:
        super().__init__(left, refused, problems)
        self.left, self.refused, self.problems = left, refused, problems


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `prepare mug`."""
    add = parser.add_argument
    add("source", type=Path, metavar="SRC", help="the folder subjects3, or the one above it")
    add("--out", type=Path, required=True, metavar="FILE.h5", help="the clip file to write")
    add(
        "--openface-csv",
        type=Path,
        metavar="DIR",
        help="folder with OpenFace's tables in the same layout: DIR/<ID>/<emotion>/<take>.csv or a CSV in a folder "
        "<take>. Without it, or where it has none: openface.csv, <take>.csv or the only CSV in the take's folder, or "
        "<take>.csv beside it",
    )
    add(
        "--openface",
        type=Path,
        metavar="PATH",
        help=f"OpenFace's FeatureExtraction: run (with {' '.join(OPTIONS)}) on takes without a table; results are kept "
        "in the cache",
    )
    add(
        "--keypoints",
        type=Path,
        metavar="TABLE.csv",
        help="a keypoint table in place of OpenFace: all 68 landmarks in their order, or at least the 11 keypoints by "
        "name. The peak is then found by landmarks, not by action units",
    )
    add("--keypoint-names", metavar="a,b,…", help="names of the table's points, in place of its own")
    add("--frames", type=integer(2), default=FRAMES, metavar="T", help="frames a clip (default: %(default)s)")
    add(
        "--size",
        type=integer(1, LARGEST),
        default=SIZE,
        metavar="PIXELS",
        help="height and width (default: %(default)s)",
    )
    add(
        "--stride",
        type=integer(1),
        metavar="N",
        help="take every N-th frame (default: at random every 1st, 2nd or 3rd)",
    )
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument(
        "--draws",
        type=integer(1),
        default=DRAWS,
        metavar="N",
        help="clips a take, all different (default: %(default)s)",
    )
    amount.add_argument("--clips", type=integer(1), metavar="N", help="clips in all, spread evenly over the takes")
    add("--seed", type=integer(0), default=0, metavar="S", help="of strides and flips (default: %(default)s)")
    add(
        "--align",
        choices=("clip", "frame"),
        default="clip",
        help="one place and size of the face a take, so that the head's motion stays (the default), or one a frame",
    )
    add(
        "--min-confidence",
        type=number(0, 1),
        default=MIN_CONFIDENCE,
        metavar="C",
        help="rows of OpenFace's below it count as not found (default: %(default)s)",
    )
    add("--strict", action="store_true", help="a take that cannot be used is an error")
    add("--workers", type=integer(1), metavar="N", help="processes (default: one a core); the file is the same")


def run(args: argparse.Namespace) -> int:
    """The command: writes the file, prints a summary and returns 0.

    Raises:
        UserError: arguments, or takes that make no data set; nothing is written then.
    """
    settings = _settings(args)
    workers = cores() if args.workers is None else args.workers
    problems = Problems()
    distribution = read_distribution(args.source, problems)
    given, description = _given(args, distribution, problems)
    plans = _plan(given, settings, workers, problems)
    classes = problems.judge(args.source, [each.take.label for each in plans], strict=args.strict)
    planned = _draw(plans, settings, args)
    while True:
        info = _info(args, distribution, settings, classes, description, planned)
        try:
            counts, found = _write(args, info, planned, settings, workers, problems)
        except _TakesLost as lost:
            # Drawn and numbered anew: what is left out changes nothing of the others.
            classes, problems = lost.left, lost.problems
            plans = [each for each in plans if each.take.name not in lost.refused]
            planned = _draw(plans, settings, args)
            continue
        print(summary(args.out, info, settings, planned, counts, found))
        return 0


def _settings(args: argparse.Namespace) -> Settings:
    strides = STRIDES if args.stride is None else (args.stride,)
    if args.draws > 2 * len(strides) and args.clips is None and args.draws != DRAWS:
        raise UserError(
            f"--draws {args.draws}: a take has {2 * len(strides)} different clips (its strides, flipped or not)"
        )
    if args.keypoints is not None and (args.openface is not None or args.openface_csv is not None):
        raise UserError("--keypoints is in place of OpenFace: leave out --openface and --openface-csv")
    if args.keypoint_names is not None and args.keypoints is None:
        raise UserError("--keypoint-names goes with --keypoints TABLE.csv")
    if args.openface_csv is not None and not args.openface_csv.is_dir():
        raise UserError(f"--openface-csv {args.openface_csv}: no such folder")
    return Settings(
        frames=args.frames,
        size=args.size,
        strides=strides,
        align=args.align,
        min_confidence=args.min_confidence,
        tables=args.openface_csv,
        openface=None if args.openface is None else find_program(args.openface),
    )


def _given(args: argparse.Namespace, distribution: Distribution, problems: Problems) -> tuple[list[Given], str]:
    """Takes with their rows of the keypoint table, if there is one, and what the keypoints come from."""
    if args.keypoints is None:
        return [Given(take) for take in distribution.takes], "OpenFace"
    table = read_table(args.keypoints, None if args.keypoint_names is None else parse_names(args.keypoint_names))
    missing = [name for name in KEYPOINT_NAMES if name not in table.names]
    if len(table.names) != LANDMARKS and missing:
        raise UserError(
            f"{args.keypoints}: it has {len(table.names)} points and none called {missing[0]!r}; needed are the "
            f"{LANDMARKS} landmarks in their order, or {', '.join(KEYPOINT_NAMES)}"
        )
    columns = (
        list(range(LANDMARKS))
        if len(table.names) == LANDMARKS
        else [table.names.index(name) for name in KEYPOINT_NAMES]
    )
    above = distribution.top.relative_to(args.source).as_posix()
    given, known = [], set()
    for take in distribution.takes:
        names = (take.place, str(PurePosixPath(above, take.place)), take.name)
        name = next((name for name in names if name in table.videos), None)
        rows = None if name is None else replace(table.videos[name], points=table.videos[name].points[:, columns])
        known |= set(names)
        given.append(Given(take, from_table=True, rows=rows))
    strangers = sorted(set(table.videos) - known)
    if strangers:
        problems.note(
            "takes only in the table", str(args.keypoints), f"{len(strangers)} takes are not there: {strangers[0]}, …"
        )
    return given, "keypoint table"


def _plan(given: Sequence[Given], settings: Settings, workers: int, problems: Problems) -> list[Plan]:
    """Plans of all takes that can be used."""
    plans = []
    with (
        console("reading landmarks", "take") as progress,
        closing(parallel_map(partial(plan, settings=settings), given, workers)) as results,
    ):
        for i, result in enumerate(results, start=1):
            if isinstance(result, Refusal):
                problems.skip(result.kind, result.take.place, result.reason)
            else:
                for kind, what in result.oddities.items():
                    problems.note(kind, result.take.place, what)
                plans.append(result)
            progress(i, len(given))
    return plans


def _draw(plans: Sequence[Plan], settings: Settings, args: argparse.Namespace) -> list[Planned]:
    """What is drawn from each take."""
    choices = {each.take.name: possible(each.length, settings.frames, settings.strides) for each in plans}
    if args.clips is None:
        number: Mapping[str, int] = dict.fromkeys(choices, args.draws)
    else:
        number = shares({name: len(draws) for name, draws in choices.items()}, args.clips, args.seed)
    groups = [each.take.twin or each.take.name for each in plans]
    sources = {group: source for source, group in enumerate(dict.fromkeys(groups))}
    return [
        Planned(each, sources[group], order(name, choices[name], args.seed)[: number[name]])
        for each, group in zip(plans, groups, strict=True)
        if number[name := each.take.name]
    ]


def _info(
    args: argparse.Namespace,
    distribution: Distribution,
    settings: Settings,
    classes: tuple[str, ...],
    description: str,
    planned: Sequence[Planned],
) -> ClipInfo:
    peaks = {each.plan.peak.source for each in planned}
    made: dict[str, Any] = {
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
        origin="procedural" if distribution.made else "mug",
        class_names=classes,
        keypoint_names=KEYPOINT_NAMES,
        pairs=PAIRS,
        generator=made | ({"subjects": list(distribution.subjects)} if distribution.subjects else {}),
    )


def _write(
    args: argparse.Namespace,
    info: ClipInfo,
    planned: Sequence[Planned],
    settings: Settings,
    workers: int,
    before: Problems,
) -> tuple[Counts, Problems]:
    """Writes the clips; returns counts and all problems, those from before included.

    Raises:
        _TakesLost: takes that turned out to be damaged, or a class without a clip.
    """
    counts, problems, refused = Counts(), Problems(list(before.found)), set()
    size = (settings.size, settings.size)
    jobs = [(each.plan, each.draws) for each in planned]
    with (
        ClipWriter(args.out, info, frames=settings.frames, size=size, keypoints=len(KEYPOINT_NAMES)) as writer,
        console(f"writing {args.out}", "take") as progress,
        closing(parallel_map(partial(cut, settings=settings), jobs, workers)) as results,
    ):
        for i, (each, result) in enumerate(zip(planned, results, strict=True), start=1):
            take = each.plan.take
            if isinstance(result, Refusal):
                problems.skip(result.kind, take.place, result.reason)
                refused.add(take.name)
            else:
                counts.empty += result.empty
                counts.tally.sources[take.label] += bool(result.clips)
                counts.peaks[each.plan.peak.source] += bool(result.clips)
                for clip in result.clips:
                    label = info.class_names.index(take.label)
                    writer.add(clip.frames, clip.keypoints, clip.valid, label, take.subject, each.source)
                    counts.tally.add(take.label, clip.valid)
            progress(i, len(planned))
        left = problems.judge(args.source, counts.tally.clips, strict=args.strict)
        lost = {each.plan.take.name for each in planned if each.plan.take.label not in left}
        if refused | lost:
            raise _TakesLost(left, refused | lost, problems)
    return counts, problems
