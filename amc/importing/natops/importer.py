"""`python -m amc.data prepare natops`: NATOPS as it is distributed becomes a clip file.

SRC holds `segmentation.txt` and the videos `gXXsYY.avi`, unpacked at any depth or in the archives they came in, of
which one video a worker is unpacked at a time. Every segment of at least T frames is a clip
(`amc.importing.natops.planning`
says how it is cut). The nine joints come from a keypoint table, whose videos are told apart by their file names, or
from the pose estimator.

All videos are decoded once before anything is written, so that every problem is known by then; what cannot be used is
left out and named in the summary. The same videos, segmentation and joints give the same file, whether they are packed
or not, for any number of workers, and whatever else lies about.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

from amc.argument_types import integer
from amc.cache import cache_dir
from amc.data.clipfile import ClipInfo, ClipWriter, read_info
from amc.data.datasets.natops import GESTURE_NAMES, KEYPOINT_NAMES, PAIRS
from amc.errors import UserError
from amc.importing.gaps import MAX_GAP
from amc.importing.keypoint_table import VideoKeypoints
from amc.importing.natops.distribution import Distribution, Film, read_distribution
from amc.importing.natops.download import ARCHIVE, fetch
from amc.importing.natops.joints import Estimated, JointSource, joint_source
from amc.importing.natops.planning import CROP, HEIGHT, WIDTH, Cutting, FilmPlan, plan
from amc.importing.natops.reading import Seen, cut, look
from amc.importing.natops.segmentation import REPETITIONS, Segment, ranges, read_segmentation
from amc.importing.problems import Problems
from amc.importing.tally import Tally
from amc.importing.video.video import Unreadable
from amc.processes import WorkerDied, cores, crash_safe_map, parallel_map
from amc.progress import console

IMPORTER_VERSION = 1
FRAMES, SIZE, STRIDE = 32, 64, 1

Segments = Mapping[tuple[int, int], Sequence[Segment]]  # by gesture and subject


@dataclass
class Report:
    """What was found on the way."""

    problems: Problems = field(default_factory=Problems)
    dropped: Counter[str] = field(default_factory=Counter)  # segments shorter than a clip, by class
    absent: str = ""  # gestures without a video
    sizes: Counter[str] = field(default_factory=Counter)  # of the videos used, as 320x240


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `prepare natops`."""
    add = parser.add_argument
    add(
        "source",
        type=Path,
        nargs="?",
        metavar="SRC",
        help="folder with segmentation.txt and the videos, or with the archives gesture01.zip, … they came in "
        "(with --download: the folder to download into)",
    )
    add("--out", type=Path, required=True, metavar="FILE.h5", help="the clip file to write")
    add("--keypoints", type=Path, metavar="TABLE.csv", help="a table of the nine joints (default: the pose estimator)")
    add("--frames", type=integer(2), default=FRAMES, metavar="T", help="frames a clip (default: %(default)s)")
    add("--size", type=integer(1), default=SIZE, metavar="PIXELS", help="height and width (default: %(default)s)")
    add("--stride", type=integer(1), default=STRIDE, metavar="N", help="take every N-th frame (default: %(default)s)")
    add(
        "--long-clips",
        choices=("first", "even"),
        default="first",
        help="which T frames of a longer clip: the first, or evenly spaced over it (default: %(default)s)",
    )
    add("--strict", action="store_true", help="anything that cannot be used is an error")
    add(
        "--workers",
        type=integer(1),
        metavar="N",
        help="processes (default: one a core); each has its own pose estimator, if one is needed; the file is the same",
    )
    add("--name", default="natops", metavar="NAME", help="of the data set (default: %(default)s)")
    add("--download", action="store_true", help="download the public archive first (default SRC: in the cache)")
    add("--download-from", default=ARCHIVE, metavar="URL", help="where from (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """The command: writes the file, prints a summary and returns 0.

    Raises:
        UserError: arguments, videos, segmentation or joints that make no data set; nothing is written then.
    """
    cutting, workers = _cutting(args), cores() if args.workers is None else args.workers
    report = Report()
    distribution = read_distribution(_source(args), report.problems)
    segments = _segments(distribution, report)
    films = _with_segments(distribution, segments, report)
    # Decoding may take an hour, and estimating joints a night: what can be said is said before.
    possible = {GESTURE_NAMES[film.gesture - 1] for film in films}
    report.problems.judge(distribution.segmentation.parent, possible, strict=args.strict)
    joints = joint_source(args.keypoints, distribution.films, report.problems)
    with tempfile.TemporaryDirectory(prefix="amc-natops-") as scratch:
        plans = _plan(films, segments, joints, cutting, Path(scratch), workers, report)
        labels = {each.label for each in plans}
        report.problems.judge(distribution.segmentation.parent, labels, strict=args.strict)
        info = ClipInfo(
            name=args.name,
            origin="procedural" if distribution.made else "natops",
            class_names=tuple(name for name in GESTURE_NAMES if name in labels),
            keypoint_names=KEYPOINT_NAMES,
            pairs=PAIRS,
            generator={
                "tool": "amc.importing.natops",
                "version": IMPORTER_VERSION,
                "arguments": asdict(cutting)
                | {"crop": list(CROP), "keypoints": joints.description, "max_gap": MAX_GAP},
            },
        )
        tally = _write(args.out, info, plans, cutting, Path(scratch), workers)
    print(_summary(args.out, info, cutting, plans, tally, distribution, report))
    return 0


def _cutting(args: argparse.Namespace) -> Cutting:
    if args.long_clips == "even" and args.stride != STRIDE:
        raise UserError("--stride goes with --long-clips first: evenly spaced frames have no stride")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", args.name):
        raise UserError(f"--name {args.name!r}: use letters, digits, '.', '_' and '-', a letter or a digit first")
    return Cutting(args.frames, args.size, args.stride, args.long_clips)


def _source(args: argparse.Namespace) -> Path:
    source: Path | None = args.source
    if args.download:
        with console(f"downloading {args.download_from}", "MB") as progress:
            return fetch(args.download_from, source or cache_dir() / "natops", progress)
    if source is None:
        raise UserError("no SRC: give the folder that holds NATOPS, or --download")
    return source


def _segments(distribution: Distribution, report: Report) -> Segments:
    # A made distribution may be of any size.
    expected = None if distribution.made else REPETITIONS
    by_film: dict[tuple[int, int], list[Segment]] = {}
    for segment in read_segmentation(distribution.segmentation, report.problems, repetitions=expected):
        by_film.setdefault((segment.gesture, segment.subject), []).append(segment)
    return by_film


def _with_segments(distribution: Distribution, segments: Segments, report: Report) -> list[Film]:
    """The videos that have segments; videos and segments without the other are reported."""
    known = {(film.gesture, film.subject) for film in distribution.films}
    there = {gesture for gesture, _ in known}
    for gesture in sorted(there):
        missing = sorted(s for g, s in set(segments) - known if g == gesture)
        if missing:
            report.problems.note(
                "no video",
                f"gesture {gesture}",
                f"no video of subject {ranges(missing)}, of whom {distribution.segmentation.name} has clips",
            )
    absent = sorted({gesture for gesture, _ in segments} - there)
    report.absent = ", ".join(f"{gesture} ({GESTURE_NAMES[gesture - 1]})" for gesture in absent)
    for film in distribution.films:
        if (film.gesture, film.subject) not in segments:
            report.problems.skip(
                "not in the segmentation", film.name, f"{distribution.segmentation.name} has no usable segment of it"
            )
    return [film for film in distribution.films if (film.gesture, film.subject) in segments]


def _plan(
    films: Sequence[Film],
    segments: Segments,
    joints: JointSource | Estimated,
    cutting: Cutting,
    scratch: Path,
    workers: int,
    report: Report,
) -> list[FilmPlan]:
    """Decodes every video once and decides what is cut from it."""
    plans: list[FilmPlan] = []
    given = [None if isinstance(joints, Estimated) else joints.of(film) for film in films]
    if not isinstance(joints, Estimated):
        for film, rows in zip(films, given, strict=True):
            if rows is None:
                report.problems.skip("no joints", film.name, f"the {joints.description} has nothing of it")
        films = [film for film, rows in zip(films, given, strict=True) if rows is not None]
        given = [rows for rows in given if rows is not None]
    work = partial(look, scratch=scratch, estimate=isinstance(joints, Estimated))
    with (
        console("reading videos", "video") as progress,
        closing(crash_safe_map(work, films, workers)) as results,
    ):
        for i, (film, seen, known) in enumerate(zip(films, results, given, strict=True), start=1):
            rows = _usable(film, seen, known, joints, report)
            if rows is not None:
                assert isinstance(seen, Seen)
                report.sizes[f"{seen.facts.width}x{seen.facts.height}"] += 1
                _note(film, seen, report)
                own = segments[film.gesture, film.subject]
                made = plan(film, seen.facts, own, rows, cutting, report.problems, report.dropped)
                plans += [made] if made is not None else []
            progress(i, len(films))
    return plans


def _usable(
    film: Film,
    seen: Seen | Unreadable | WorkerDied,
    known: VideoKeypoints | None,
    joints: JointSource | Estimated,
    report: Report,
) -> VideoKeypoints | None:
    """The joints of a video that can be used."""
    if isinstance(seen, WorkerDied):
        report.problems.skip("unreadable video", film.name, "cannot be decoded (a library crashed on it)")
    elif isinstance(seen, Unreadable):
        report.problems.skip("unreadable video", film.name, seen.reason)
    elif not isinstance(joints, Estimated):
        return known
    elif seen.joints is not None:
        return replace(seen.joints, points=seen.joints.points[:, list(joints.columns)])
    return None


def _note(film: Film, seen: Seen, report: Report) -> None:
    """Names what is odd about a video that is used."""
    for oddity in seen.facts.oddities:
        report.problems.note("odd", film.name, oddity)
    if seen.facts.timing.uneven:
        report.problems.note(
            "with uneven frame times",
            film.name,
            "its frames are counted as they are stored; if segmentation.txt counts them by time, its clips are shifted",
        )


def _write(
    out: Path, info: ClipInfo, plans: Sequence[FilmPlan], cutting: Cutting, scratch: Path, workers: int
) -> Tally:
    tally = Tally()
    size = (cutting.size, cutting.size)
    work = partial(cut, scratch=scratch, size=cutting.size)
    with (
        ClipWriter(out, info, frames=cutting.frames, size=size, keypoints=len(KEYPOINT_NAMES)) as writer,
        console(f"writing {out}", "video") as progress,
        closing(parallel_map(work, plans, workers)) as results,
    ):
        for i, (each, frames) in enumerate(zip(plans, results, strict=True), start=1):
            label = info.class_names.index(each.label)
            tally.sources[each.label] += 1
            for clip, pictures in zip(each.clips, frames, strict=True):
                writer.add(pictures, clip.keypoints, clip.valid, label, each.film.subject, clip.source)
                tally.add(each.label, clip.valid)
            progress(i, len(plans))
    return tally


def _summary(
    out: Path,
    info: ClipInfo,
    cutting: Cutting,
    plans: Sequence[FilmPlan],
    tally: Tally,
    distribution: Distribution,
    report: Report,
) -> str:
    subjects = {each.film.subject for each in plans}
    lines = [
        f"{out}: {info.name}, origin={info.origin}, fingerprint {read_info(out).fingerprint[:16]}",
        f"  {tally.clips.total()} clips of {cutting.frames} frames, {cutting.size}x{cutting.size} px, from "
        f"{len(plans)} videos; {len(info.class_names)} classes, {len(subjects)} subjects",
        f"  {len(KEYPOINT_NAMES)} joints from: {info.generator['arguments']['keypoints']}",
        *tally.table(info.class_names),
    ]
    if distribution.made:
        lines.insert(1, "  made by this project's procedural stand-in, as PROCEDURAL.txt says: not NATOPS")
    if report.dropped:
        lines.append(f"  dropped {report.dropped.total()} segments: under {cutting.span} frames")
    if set(report.sizes) - {f"{WIDTH}x{HEIGHT}"}:
        sizes = ", ".join(f"{count} of {size}" for size, count in sorted(report.sizes.items()))
        lines.append(f"  videos: {sizes}; the crop is {CROP[0]}/{CROP[1]} of the height")
    if report.absent:
        lines.append(f"  no video of the gestures {report.absent}")
    if distribution.masks:
        lines.append(f"  left alone {distribution.masks} mask and depth videos")
    if distribution.others:
        lines.append(f"  ignored {distribution.others} other files")
    return "\n".join([*lines, *report.problems.lines()])
