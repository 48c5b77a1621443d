"""`python -m amc.data prepare folder`: imports a folder of labelled videos as a clip file.

A video's class is its sub-folder. Each video is cut into windows of T frames, taking every `stride`-th frame, with a
new window every `step` frames. All windows of a video share its `source_clip`. A video with a constant frame rate
contributes every frame. One with uneven frame times is sampled at its average rate, and `--fps` samples all videos at
the same rate (`amc.importing.video.timing`). Frames are decoded by `amc.importing.video.decoding`, cropped to the
central square, and resized by area averaging.

Keypoints are cropped and resized with the frames, and stay valid outside the square. Their frame numbers are those of
the video file at any sampling rate. `amc.importing.gap_filling` fills in missing keypoints over these frames: gaps of
at most `MAX_GAP` frames become valid, longer ones do not. A window without a single valid keypoint is left out.

Videos that cannot be used (unreadable, damaged, too short, too small, without keypoints) are left out and named in the
summary. So are videos that crash the decoder, which therefore runs in worker processes. The same videos and keypoints
give the same file, for any number of workers and whatever other files there are.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from amc.argument_types import integer
from amc.data.clipfile import ClipInfo, ClipWriter, check_replaceable
from amc.data.procedural_marker import MARKER
from amc.errors import UserError
from amc.importing.class_counts import ClassCounts
from amc.importing.folder.listing import ListedVideo, Listing, list_videos, number_videos
from amc.importing.folder.summary import summary
from amc.importing.folder.windows import Window, WindowSettings, windows
from amc.importing.gap_filling import MAX_GAP, fill_gaps
from amc.importing.keypoint_source import KeypointSource, keypoint_source
from amc.importing.keypoints.table import left_right_pairs, parse_names
from amc.importing.problems import Problems
from amc.importing.video.decoding import DecodeError, UnreadableVideo, VideoFacts, examine
from amc.importing.video.timing import LONGEST_STILL
from amc.processes import ATTEMPTS, WorkerDied, cores, crash_safe_map, parallel_map
from amc.progress import console

IMPORTER_VERSION = 2
_KEYPOINTS_HELP = "keypoint table, or a folder of files of DeepLabCut or OpenPose (default: run the pose estimator)"
FRAMES, SIZE, STRIDE = 32, 64, 1
CLIPS_PER_JOB = 128  # cut and sent by a worker process at once: 50 MB at 32 frames of 64 pixels
FASTEST = 1000  # maximum of --fps, in frames per second


@dataclass(frozen=True)
class SampledVideo:
    """A readable video, and the frame to take at each instant, int64 (m,)."""

    video: ListedVideo
    facts: VideoFacts
    sampled: NDArray[np.int64]


@dataclass(frozen=True)
class VideoWithKeypoints:
    """A video to cut, its keypoints (n, k, 2) in pixels of its n frames, without NaN, and valid bool (n, k)."""

    source: SampledVideo
    points: NDArray[np.float64]
    valid: NDArray[np.bool_]


class RejectedVideo(NamedTuple):
    """Why a video cannot be used: the kind of problem in a few words, and the details."""

    kind: str
    reason: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `prepare folder`."""
    add = parser.add_argument
    add("source", type=Path, metavar="SRC", help="folder with a sub-folder of videos for each class")
    add("--out", type=Path, required=True, metavar="FILE.h5", help="the clip file to write")
    add(
        "--keypoints",
        type=Path,
        metavar="TABLE.csv",
        help=_KEYPOINTS_HELP,
    )
    add("--keypoint-names", metavar="a,b,…", help="names of the table's points, instead of those in the table")
    add("--frames", type=integer(2), default=FRAMES, metavar="T", help="frames per clip (default: %(default)s)")
    add(
        "--size",
        type=integer(1),
        default=SIZE,
        metavar="PIXELS",
        help="height and width of the clips (default: %(default)s)",
    )
    add("--fps", metavar="F", help="sample all videos at F frames per second, such as 25 or 30000/1001")
    add("--stride", type=integer(1), default=STRIDE, metavar="N", help="take every N-th frame (default: %(default)s)")
    add(
        "--window-step",
        type=integer(1),
        metavar="N",
        help="frames between the starts of two windows (default: T x N / 2)",
    )
    add(
        "--subject-pattern",
        metavar="REGEX",
        help="regular expression whose group is the subject in a file name (default: the number after a word such as "
        "subject, performer or person, else after s or p; the summary shows what was found)",
    )
    add("--strict", action="store_true", help="fail if a video cannot be used")
    add("--name", metavar="NAME", help="name of the data set (default: the folder's name)")
    add(
        "--workers",
        type=integer(1),
        metavar="N",
        help="worker processes (default: one per core); does not change the file",
    )


def run(args: argparse.Namespace) -> int:
    """Runs the command: writes the file, prints a summary and returns 0.

    Raises:
        UserError: arguments, videos or keypoints do not make a data set; nothing is written.
    """
    check_replaceable(args.out)
    settings, rate = _cutting(args), _rate(args.fps)
    name = _name(args.name, args.source)
    names = parse_names(args.keypoint_names) if args.keypoint_names is not None else None
    workers = cores() if args.workers is None else args.workers
    problems, counts = Problems(), ClassCounts()
    listing = list_videos(args.source, problems, args.subject_pattern)
    with keypoint_source(args.keypoints, names) as source:
        examined = _examine(listing, settings, rate, problems, workers)
        _classes(args, (each.video for each in examined), problems)
        usable = _find_keypoints(examined, source, listing, settings, problems)
        classes = _classes(args, (each.source.video for each in usable), problems)
        # Videos that are left out get no number, so that the same videos give the same file whatever others there are.
        videos, subjects = number_videos([each.source.video for each in usable])
        usable = [
            replace(each, source=replace(each.source, video=video)) for each, video in zip(usable, videos, strict=True)
        ]
        info = ClipInfo(
            name=name,
            origin="procedural" if (args.source / MARKER).is_file() else "folder",
            class_names=classes,
            keypoint_names=source.names,
            pairs=left_right_pairs(source.names),
            generator=_generator(settings, rate, args.subject_pattern, source, subjects),
        )
    empty = _write(args.out, info, usable, settings, counts, workers)
    print(summary(args.out, [each.source.video for each in usable], settings, problems, counts, empty))
    return 0


def _cutting(args: argparse.Namespace) -> WindowSettings:
    half = max(1, args.frames * args.stride // 2)
    return WindowSettings(args.frames, args.size, args.stride, half if args.window_step is None else args.window_step)


def _rate(text: str | None) -> Fraction | None:
    if text is None:
        return None
    try:
        # Digits only: Fraction would compute 1e999999999.
        rate = Fraction(text) if re.fullmatch(r"[0-9]{1,9}([./][0-9]{1,9})?", text) else Fraction(0)
    except ZeroDivisionError:
        rate = Fraction(0)
    if not 0 < rate <= FASTEST:
        raise UserError(f"--fps {text}: must be above 0 and at most {FASTEST} frames per second, as 25 or 30000/1001")
    return rate


def _name(given: str | None, source: Path) -> str:
    # Studies and their folders are named after the data set.
    if given is None:
        return re.sub(r"[^A-Za-z0-9._-]+", "-", source.resolve().name).strip("-._") or "videos"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", given):
        raise UserError(f"--name {given!r}: use letters, digits, '.', '_' and '-', starting with a letter or a digit")
    return given


def _examine(
    listing: Listing, settings: WindowSettings, rate: Fraction | None, problems: Problems, workers: int
) -> list[SampledVideo]:
    """Decodes every video once; returns those that can be used."""
    readable: list[SampledVideo] = []
    videos = listing.videos
    results = crash_safe_map(examine, [video.path for video in videos], workers)
    with closing(results), console("reading videos", "video") as progress:
        for i, (video, facts) in enumerate(zip(videos, results, strict=True), start=1):
            sampled = _sample(facts, settings, rate)
            if isinstance(sampled, RejectedVideo):
                problems.skip(sampled.kind, video.name, sampled.reason)
            else:
                assert isinstance(facts, VideoFacts)
                readable.append(SampledVideo(video, facts, sampled))
                _note(readable[-1], rate, problems)
            progress(i, len(videos))
    return readable


def _sample(
    facts: VideoFacts | UnreadableVideo | WorkerDied, settings: WindowSettings, rate: Fraction | None
) -> NDArray[np.int64] | RejectedVideo:
    """The frame to take at each instant, or why the video cannot be used."""
    if isinstance(facts, WorkerDied):
        return RejectedVideo("crashing the decoder", f"the decoder crashed in all of {ATTEMPTS} attempts")
    if isinstance(facts, UnreadableVideo):
        return RejectedVideo("unreadable", facts.reason)
    if min(facts.height, facts.width) < settings.size:
        return RejectedVideo("too small", f"smaller than {settings.size} px: {facts.width}x{facts.height}")
    timing, at_rate = facts.timing, ""
    if timing.gap is not None:
        reason = f"its time stamps jump by {timing.gap.seconds:.1f} seconds after frame {timing.gap.frame}"
        return RejectedVideo("without usable times", reason)
    if rate is not None:
        at_rate = f" at {float(rate):g} frames per second"
        if timing.interval is None:
            return RejectedVideo("without usable times", "its frame rate is unknown, so --fps cannot be applied")
        if (times := timing.interval * rate) > LONGEST_STILL:
            return RejectedVideo(
                "without usable times", f"each of its frames would be repeated {times:.0f} times{at_rate}"
            )
    sampled = timing.sample(rate)
    if len(sampled) < settings.span:
        return RejectedVideo("too short", f"too short: {len(sampled)} frames{at_rate}, at least {settings.span} needed")
    return sampled


def _note(each: SampledVideo, rate: Fraction | None, problems: Problems) -> None:
    """Reports anything unusual about a video that is used."""
    video, timing = each.video, each.facts.timing
    for oddity in each.facts.oddities:
        problems.note("with unusual properties", video.name, oddity)
    if timing.uneven and timing.interval is not None:
        dropped = timing.frames - len(np.unique(each.sampled))
        problems.note(
            "with uneven frame times",
            video.name,
            f"uneven frame times: sampled at {float(rate or 1 / timing.interval):.6g} frames per second, which drops "
            f"{dropped} of {timing.frames} frames",
        )


def _classes(args: argparse.Namespace, videos: Iterable[ListedVideo], problems: Problems) -> tuple[str, ...]:
    """The classes that have a usable video; a `UserError` if there is only one, or a problem with `--strict`."""
    labels = [video.label for video in videos]
    return problems.require_classes(
        args.source, labels, strict=args.strict, what="video", hint="each a sub-folder of videos"
    )


def _find_keypoints(
    examined: list[SampledVideo], source: KeypointSource, listing: Listing, settings: WindowSettings, problems: Problems
) -> list[VideoWithKeypoints]:
    """Finds the keypoints of all videos and fills their gaps; returns the videos that have any valid keypoint."""
    for name in source.unknown_videos([video.name for video in listing.videos]):
        problems.note("only in the keypoint table", name, "the keypoint table has it, but the folder does not")
    for remark in source.remarks:
        problems.note("remarks on the keypoint table", "keypoint table", remark)
    usable: list[VideoWithKeypoints] = []
    total, before = sum(each.facts.frames for each in examined), 0
    with console("finding keypoints", "frame") as progress:
        for each in examined:
            video, facts = each.video, each.facts

            def report(done: int, before: int = before, frames: int = facts.frames) -> None:
                # The last frame is reported below, also for cached videos.
                if done < frames:
                    progress(before + done, total)

            rows = source.find(video.name, video.path, facts, report)
            before += facts.frames
            progress(before, total)
            if rows is None:
                problems.skip("without keypoints", video.name, "no keypoints found")
                continue
            if rows.frame.size and rows.frame[-1] >= facts.frames:
                from_1 = rows.frame[0] == 1 and rows.frame[-1] == facts.frames
                problems.note(
                    "shorter than its keypoints",
                    video.name,
                    f"it has {facts.frames} frames, but the keypoint table continues to frame {rows.frame[-1]}"
                    + (": frames must count from 0, and these seem to count from 1" if from_1 else ""),
                )
            centre = ((facts.width - 1) / 2, (facts.height - 1) / 2)
            points, valid = fill_gaps(rows.over(facts.frames), centre)
            seen = valid[each.sampled]
            if any(seen[settings.window(start)].any() for start in settings.starts(len(seen))):
                usable.append(VideoWithKeypoints(each, points, valid))
            else:
                problems.skip("without keypoints", video.name, "no keypoints found")
    return usable


def _generator(
    settings: WindowSettings,
    rate: Fraction | None,
    pattern: str | None,
    source: KeypointSource,
    subjects: tuple[str, ...],
) -> dict[str, Any]:
    generator: dict[str, Any] = {
        "tool": "amc.importing.folder.importer",
        "version": IMPORTER_VERSION,
        "arguments": {
            **asdict(settings),
            "fps": "the video's own, its average where frame times are uneven" if rate is None else str(rate),
            "subject_pattern": pattern or "a number after a word for a person, else after s or p",
            "keypoints": source.description,
            "max_gap": MAX_GAP,
        },
    }
    return generator | ({"subjects": list(subjects)} if subjects else {})


def _windows(each: VideoWithKeypoints, settings: WindowSettings) -> Iterable[Window]:
    facts = each.source.facts
    return windows(each.source.video.path, facts, each.points, each.valid, settings, each.source.sampled)


def _cut_job(job: tuple[VideoWithKeypoints, int], settings: WindowSettings) -> list[Window]:
    """At most `CLIPS_PER_JOB` windows of a video, starting at a number; the last job also checks the video's length."""
    each, first = job
    last = first + CLIPS_PER_JOB >= len(settings.starts(len(each.source.sampled)))
    return list(islice(_windows(each, settings), first, None if last else first + CLIPS_PER_JOB))


def _cut(
    usable: list[VideoWithKeypoints], settings: WindowSettings, workers: int
) -> Generator[Iterable[Window], None, None]:
    """Yields the windows of each video. With several workers, each of them cuts a part of a video at a time."""
    if workers == 1:
        yield from (_windows(each, settings) for each in usable)
        return
    jobs = [(each, CLIPS_PER_JOB * job) for each in usable for job in range(_job_count(each, settings))]
    with closing(parallel_map(partial(_cut_job, settings=settings), jobs, workers)) as results:
        for each in usable:
            yield chain.from_iterable(islice(results, _job_count(each, settings)))


def _job_count(each: VideoWithKeypoints, settings: WindowSettings) -> int:
    return -(-len(settings.starts(len(each.source.sampled))) // CLIPS_PER_JOB)


def _write(
    out: Path,
    info: ClipInfo,
    usable: list[VideoWithKeypoints],
    settings: WindowSettings,
    counts: ClassCounts,
    workers: int,
) -> int:
    """Cuts all videos and writes their clips; returns the number of windows without a valid keypoint."""
    size = (settings.size, settings.size)
    cut = _cut(usable, settings, workers)
    empty = 0
    with (
        ClipWriter(out, info, frames=settings.frames, size=size, keypoints=len(info.keypoint_names)) as writer,
        closing(cut),
        console(f"writing {out}", "video") as progress,
    ):
        for i, each in enumerate(usable, start=1):
            video = each.source.video
            counts.sources[video.label] += 1
            try:
                for window in next(cut):
                    if not window.valid.any():
                        empty += 1
                        continue
                    label = info.class_names.index(video.label)
                    writer.add(window.frames, window.keypoints, window.valid, label, video.subject, video.source)
                    counts.add(video.label, window.valid)
            except DecodeError as error:
                raise UserError(f"{video.path}: changed while it was read ({error}); rerun the command") from error
            progress(i, len(usable))
    return empty
