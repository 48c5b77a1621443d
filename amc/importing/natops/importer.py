"""`python -m amc.data prepare natops`: imports a copy of NATOPS as a clip file.

SRC contains `segmentation.txt` and the videos `gXXsYY.avi`, unpacked at any depth or in the downloaded archives, from
which each worker unpacks one video at a time. Every segment of at least T frames becomes a clip
(`amc.importing.natops.clip_plans`). The nine joints come from a keypoint table, whose videos are matched by file name,
or from the pose estimator.

All videos are decoded once before anything is written, so that all problems are known by then. What cannot be used is
left out and named in the summary. The same videos, segmentation and joints give the same file, packed or unpacked, for
any number of workers and whatever other files there are.
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
from amc.data.clipfile import ClipInfo, ClipWriter, check_replaceable, read_info
from amc.data.datasets.natops import GESTURE_NAMES, KEYPOINT_NAMES, PAIRS
from amc.data.procedural_marker import MARKER
from amc.errors import UserError
from amc.importing.class_counts import ClassCounts
from amc.importing.gap_filling import MAX_GAP
from amc.importing.keypoints.table import VideoKeypoints
from amc.importing.natops.clip_plans import CROP, HEIGHT, WIDTH, ClipSettings, VideoPlan, plan_video
from amc.importing.natops.download import ARCHIVE, fetch
from amc.importing.natops.joint_source import EstimatorJoints, JointSource, joint_source
from amc.importing.natops.segmentation import REPETITIONS, Segment, format_ranges, read_segmentation
from amc.importing.natops.source_files import NatopsFiles, NatopsVideo, list_files
from amc.importing.natops.worker_jobs import DecodedVideo, cut_clips, decode_video
from amc.importing.problems import Problems
from amc.importing.video.decoding import UnreadableVideo
from amc.processes import ATTEMPTS, WorkerDied, cores, crash_safe_map, parallel_map
from amc.progress import console

IMPORTER_VERSION = 1
FRAMES, SIZE, STRIDE = 32, 64, 1

Segments = Mapping[tuple[int, int], Sequence[Segment]]  # by gesture and subject


@dataclass
class ImportReport:
    """Findings for the summary."""

    problems: Problems = field(default_factory=Problems)
    dropped: Counter[str] = field(default_factory=Counter)  # number of segments shorter than a clip, by class
    absent: str = ""  # gestures without a video
    sizes: Counter[str] = field(default_factory=Counter)  # number of used videos by size, such as 320x240


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `prepare natops`."""
    add = parser.add_argument
    add(
        "source",
        type=Path,
        nargs="?",
        metavar="SRC",
        help="folder with segmentation.txt and the videos or the archives gesture01.zip, … (with --download: folder to "
        "download into)",
    )
    add("--out", type=Path, required=True, metavar="FILE.h5", help="the clip file to write")
    add(
        "--keypoints",
        type=Path,
        metavar="TABLE.csv",
        help="keypoint table with the nine joints (default: run the pose estimator)",
    )
    add("--frames", type=integer(2), default=FRAMES, metavar="T", help="frames per clip (default: %(default)s)")
    add(
        "--size",
        type=integer(1),
        default=SIZE,
        metavar="PIXELS",
        help="height and width of the clips (default: %(default)s)",
    )
    add("--stride", type=integer(1), default=STRIDE, metavar="N", help="take every N-th frame (default: %(default)s)")
    add(
        "--long-clips",
        choices=("first", "even"),
        default="first",
        help="T frames of a longer segment: the first, or evenly spaced (default: %(default)s)",
    )
    add("--strict", action="store_true", help="fail if anything cannot be used")
    add(
        "--workers",
        type=integer(1),
        metavar="N",
        help="worker processes (default: one per core), each with its own pose estimator if needed; the file does not "
        "depend on it",
    )
    add("--name", default="natops", metavar="NAME", help="name of the data set (default: %(default)s)")
    add(
        "--download",
        action="store_true",
        help="download the public archive first (SRC defaults to a folder in the cache)",
    )
    add("--download-from", default=ARCHIVE, metavar="URL", help="URL of the archive's folder (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Runs the command: writes the file, prints a summary and returns 0.

    Raises:
        UserError: arguments, videos, segmentation or joints do not make a data set; nothing is written.
    """
    check_replaceable(args.out)
    settings, workers = _settings(args), cores() if args.workers is None else args.workers
    report = ImportReport()
    files = list_files(_source(args), report.problems)
    segments = _segments(files, report)
    videos = _with_segments(files, segments, report)
    # Checked before decoding, which may take an hour, and before estimating joints, which may take a night.
    possible = {GESTURE_NAMES[video.gesture - 1] for video in videos}
    report.problems.require_classes(files.segmentation.parent, possible, strict=args.strict)
    joints = joint_source(args.keypoints, files.videos, report.problems)
    with tempfile.TemporaryDirectory(prefix="amc-natops-") as scratch:
        plans = _plan(videos, segments, joints, settings, Path(scratch), workers, report)
        labels = {each.label for each in plans}
        report.problems.require_classes(files.segmentation.parent, labels, strict=args.strict)
        info = ClipInfo(
            name=args.name,
            origin="procedural" if files.procedural else "natops",
            class_names=tuple(name for name in GESTURE_NAMES if name in labels),
            keypoint_names=KEYPOINT_NAMES,
            pairs=PAIRS,
            generator={
                "tool": "amc.importing.natops",
                "version": IMPORTER_VERSION,
                "arguments": asdict(settings)
                | {"crop": list(CROP), "keypoints": joints.description, "max_gap": MAX_GAP},
            },
        )
        counts = _write(args.out, info, plans, settings, Path(scratch), workers)
    print(_summary(args.out, info, settings, plans, counts, files, report))
    return 0


def _settings(args: argparse.Namespace) -> ClipSettings:
    if args.long_clips == "even" and args.stride != STRIDE:
        raise UserError("--stride requires --long-clips first: evenly spaced frames have no stride")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", args.name):
        raise UserError(
            f"--name {args.name!r}: use letters, digits, '.', '_' and '-', starting with a letter or a digit"
        )
    return ClipSettings(args.frames, args.size, args.stride, args.long_clips)


def _source(args: argparse.Namespace) -> Path:
    source: Path | None = args.source
    if args.download:
        with console(f"downloading {args.download_from}", "MB") as progress:
            return fetch(args.download_from, source or cache_dir() / "natops", progress)
    if source is None:
        raise UserError("no SRC: give the folder that contains NATOPS, or --download")
    return source


def _segments(files: NatopsFiles, report: ImportReport) -> Segments:
    # Stand-ins have any number of repetitions.
    expected = None if files.procedural else REPETITIONS
    by_video: dict[tuple[int, int], list[Segment]] = {}
    for segment in read_segmentation(files.segmentation, report.problems, repetitions=expected):
        by_video.setdefault((segment.gesture, segment.subject), []).append(segment)
    return by_video


def _with_segments(files: NatopsFiles, segments: Segments, report: ImportReport) -> list[NatopsVideo]:
    """Returns the videos that have segments; reports videos without segments and segments without videos."""
    known = {(video.gesture, video.subject) for video in files.videos}
    there = {gesture for gesture, _ in known}
    for gesture in sorted(there):
        missing = sorted(s for g, s in set(segments) - known if g == gesture)
        if missing:
            report.problems.note(
                "no video",
                f"gesture {gesture}",
                f"no video of subject {format_ranges(missing)}, but segments in {files.segmentation.name}",
            )
    absent = sorted({gesture for gesture, _ in segments} - there)
    report.absent = ", ".join(f"{gesture} ({GESTURE_NAMES[gesture - 1]})" for gesture in absent)
    for video in files.videos:
        if (video.gesture, video.subject) not in segments:
            report.problems.skip(
                "not in the segmentation",
                video.name,
                f"{files.segmentation.name} has no usable segment of this video",
            )
    return [video for video in files.videos if (video.gesture, video.subject) in segments]


def _plan(
    videos: Sequence[NatopsVideo],
    segments: Segments,
    joints: JointSource | EstimatorJoints,
    settings: ClipSettings,
    scratch: Path,
    workers: int,
    report: ImportReport,
) -> list[VideoPlan]:
    """Decodes every video once and plans its clips."""
    plans: list[VideoPlan] = []
    given = [None if isinstance(joints, EstimatorJoints) else joints.of(video) for video in videos]
    if not isinstance(joints, EstimatorJoints):
        for video, rows in zip(videos, given, strict=True):
            if rows is None:
                report.problems.skip("no joints", video.name, f"the {joints.description} has no rows for this video")
        videos = [video for video, rows in zip(videos, given, strict=True) if rows is not None]
        given = [rows for rows in given if rows is not None]
    work = partial(decode_video, scratch=scratch, estimate=isinstance(joints, EstimatorJoints))
    with (
        console("reading videos", "video") as progress,
        closing(crash_safe_map(work, videos, workers)) as results,
    ):
        for i, (video, decoded, known) in enumerate(zip(videos, results, given, strict=True), start=1):
            rows = _usable(video, decoded, known, joints, report)
            if rows is not None:
                assert isinstance(decoded, DecodedVideo)
                report.sizes[f"{decoded.facts.width}x{decoded.facts.height}"] += 1
                _note(video, decoded, report)
                own = segments[video.gesture, video.subject]
                planned = plan_video(video, decoded.facts, own, rows, settings, report.problems, report.dropped)
                plans += [planned] if planned is not None else []
            progress(i, len(videos))
    return plans


def _usable(
    video: NatopsVideo,
    decoded: DecodedVideo | UnreadableVideo | WorkerDied,
    known: VideoKeypoints | None,
    joints: JointSource | EstimatorJoints,
    report: ImportReport,
) -> VideoKeypoints | None:
    """The joints of a video if it can be used; reports it otherwise."""
    if isinstance(decoded, WorkerDied):
        report.problems.skip("unreadable video", video.name, f"the decoder crashed in all of {ATTEMPTS} attempts")
    elif isinstance(decoded, UnreadableVideo):
        report.problems.skip("unreadable video", video.name, decoded.reason)
    elif not isinstance(joints, EstimatorJoints):
        return known
    elif decoded.joints is not None:
        return replace(decoded.joints, points=decoded.joints.points[:, list(joints.columns)])
    return None


def _note(video: NatopsVideo, decoded: DecodedVideo, report: ImportReport) -> None:
    """Reports anything unusual about a video that is used."""
    for oddity in decoded.facts.oddities:
        report.problems.note("with unusual properties", video.name, oddity)
    if decoded.facts.timing.uneven:
        report.problems.note(
            "with uneven frame times",
            video.name,
            "uneven frame times: every stored frame counts; if segmentation.txt counts by time, the clips are shifted",
        )


def _write(
    out: Path, info: ClipInfo, plans: Sequence[VideoPlan], settings: ClipSettings, scratch: Path, workers: int
) -> ClassCounts:
    counts = ClassCounts()
    size = (settings.size, settings.size)
    work = partial(cut_clips, scratch=scratch, size=settings.size)
    with (
        ClipWriter(out, info, frames=settings.frames, size=size, keypoints=len(KEYPOINT_NAMES)) as writer,
        console(f"writing {out}", "video") as progress,
        closing(parallel_map(work, plans, workers)) as results,
    ):
        for i, (each, frames) in enumerate(zip(plans, results, strict=True), start=1):
            label = info.class_names.index(each.label)
            counts.sources[each.label] += 1
            for clip, pictures in zip(each.clips, frames, strict=True):
                writer.add(pictures, clip.keypoints, clip.valid, label, each.video.subject, clip.source)
                counts.add(each.label, clip.valid)
            progress(i, len(plans))
    return counts


def _summary(
    out: Path,
    info: ClipInfo,
    settings: ClipSettings,
    plans: Sequence[VideoPlan],
    counts: ClassCounts,
    files: NatopsFiles,
    report: ImportReport,
) -> str:
    subjects = {each.video.subject for each in plans}
    lines = [
        f"{out}: {info.name}, origin={info.origin}, fingerprint {read_info(out).fingerprint[:16]}",
        f"  {counts.clips.total()} clips of {settings.frames} frames, {settings.size}x{settings.size} px, from "
        f"{len(plans)} videos; {len(info.class_names)} classes, {len(subjects)} subjects",
        f"  {len(KEYPOINT_NAMES)} joints from: {info.generator['arguments']['keypoints']}",
        *counts.table(info.class_names),
    ]
    if files.procedural:
        lines.insert(1, f"  generated by this project's procedural stand-in, not NATOPS ({MARKER} says so)")
    if report.dropped:
        lines.append(f"  dropped {report.dropped.total()} segments with fewer than {settings.span} frames")
    if set(report.sizes) - {f"{WIDTH}x{HEIGHT}"}:
        sizes = ", ".join(f"{count} of {size}" for size, count in sorted(report.sizes.items()))
        lines.append(f"  videos: {sizes}; the crop is {CROP[0]}/{CROP[1]} of the height")
    if report.absent:
        lines.append(f"  no video of these gestures: {report.absent}")
    if files.masks:
        lines.append(f"  ignored {files.masks} mask and depth videos")
    if files.others:
        lines.append(f"  ignored {files.others} other files")
    return "\n".join([*lines, *report.problems.lines()])
