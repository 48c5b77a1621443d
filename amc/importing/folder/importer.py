"""`python -m amc.data prepare folder`: a folder of labelled videos becomes a clip file.

The class of a video is the sub-folder it lies in. Each video is cut into windows of T frames, every `stride`-th
frame, a new window every `window_step` frames; all windows of one video share its `source_clip`. A video of constant
rate gives every frame that it holds; one whose frame times are uneven is sampled at its own average rate, and with
`--fps` all are sampled at one (`amc.importing.video.timing`). Frames are as `amc.importing.video.video` shows them,
cropped to the square in
their middle and reduced by area averaging; keypoints move along, and stay valid where they leave the picture.
Keypoints belong to the frames that the video holds, whatever is sampled of them. Those that were not found are filled
in over these frames by `amc.importing.gaps.fill_gaps`: gaps of at most `MAX_GAP` frames count as valid, longer ones
do not.
A window in which no keypoint is ever valid is left out.

A video that cannot be used (unreadable, damaged, too short, too small, nobody found in it) is left out and named in
the summary; so is one that crashes the decoder, which therefore runs in a process of its own. The same videos and
keypoints give the same file, whatever else lies about and however many processes work.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
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
from amc.data.clipfile import ClipInfo, ClipWriter, read_info
from amc.errors import UserError
from amc.importing.folder.listing import SUBJECT_PATTERN, Listing, Video, list_videos, numbered
from amc.importing.folder.windows import Cutting, Window, windows
from amc.importing.gaps import MAX_GAP, fill_gaps
from amc.importing.keypoint_source import KeypointSource, keypoint_source
from amc.importing.keypoint_table import left_right_pairs, parse_names
from amc.importing.problems import Problems
from amc.importing.procedural_marker import MARKER
from amc.importing.tally import Tally
from amc.importing.video.timing import LONGEST_STILL
from amc.importing.video.video import DecodeError, Unreadable, VideoFacts, examine
from amc.processes import WorkerDied, cores, crash_safe_map, parallel_map
from amc.progress import console

IMPORTER_VERSION = 2
FRAMES, SIZE, STRIDE = 32, 64, 1
AT_ONCE = 128  # clips that a worker process cuts and hands on: 50 MB at 32 frames of 64 pixels
FASTEST = 1000  # frames a second that can be asked for


@dataclass(frozen=True)
class Examined:
    """A video that can be cut: what it is, and which stored frame is shown at each instant, int64 (m,)."""

    video: Video
    facts: VideoFacts
    shown: NDArray[np.int64]


@dataclass(frozen=True)
class Usable:
    """A video that will be cut: keypoints (n, k, 2) in pixels of its frames without NaN, and which are valid (n, k)."""

    examined: Examined
    points: NDArray[np.float64]
    valid: NDArray[np.bool_]


class Unusable(NamedTuple):
    """Why a video cannot be cut: a few words for the kind, and what is wrong with it."""

    kind: str
    reason: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `prepare folder`."""
    add = parser.add_argument
    add("source", type=Path, metavar="SRC", help="folder with one sub-folder of videos for each class")
    add("--out", type=Path, required=True, metavar="FILE.h5", help="the clip file to write")
    add("--keypoints", type=Path, metavar="TABLE.csv", help="a keypoint table (default: the pose estimator)")
    add("--keypoint-names", metavar="a,b,…", help="names of the table's points, in place of its own")
    add("--frames", type=integer(2), default=FRAMES, metavar="T", help="frames a clip (default: %(default)s)")
    add("--size", type=integer(1), default=SIZE, metavar="PIXELS", help="height and width (default: %(default)s)")
    add("--fps", metavar="F", help="sample all videos at F frames a second, such as 25 or 30000/1001")
    add("--stride", type=integer(1), default=STRIDE, metavar="N", help="take every N-th frame (default: %(default)s)")
    add(
        "--window-step",
        type=integer(1),
        metavar="N",
        help="video frames between starts of windows (default: T x N / 2)",
    )
    add(
        "--subject-pattern",
        default=SUBJECT_PATTERN,
        metavar="REGEX",
        help="its group finds the performer in a file name (default: a number after subject, performer, person or "
        "the like, or after s or p alone)",
    )
    add("--strict", action="store_true", help="a video that cannot be used is an error")
    add("--name", metavar="NAME", help="of the data set (default: the folder's)")
    add("--workers", type=integer(1), metavar="N", help="processes (default: one a core); the file is the same")


def run(args: argparse.Namespace) -> int:
    """The command: writes the file, prints a summary and returns 0.

    Raises:
        UserError: arguments, videos or keypoints that make no data set; nothing is written then.
    """
    cutting, rate = _cutting(args), _rate(args.fps)
    name = _name(args.name, args.source)
    names = parse_names(args.keypoint_names) if args.keypoint_names is not None else None
    workers = cores() if args.workers is None else args.workers
    listing = list_videos(args.source, args.subject_pattern)
    problems, tally = Problems(), Tally()
    with keypoint_source(args.keypoints, names) as source:
        examined = _examine(listing, cutting, rate, problems, workers)
        _judge(args, (each.video for each in examined), problems)
        usable = _complete(examined, source, listing, cutting, problems)
        classes = _judge(args, (each.examined.video for each in usable), problems)
        # What was left out numbers nobody: the same videos make the same file, whatever else lies about.
        videos, subjects = numbered([each.examined.video for each in usable])
        usable = [
            replace(each, examined=replace(each.examined, video=video))
            for each, video in zip(usable, videos, strict=True)
        ]
        info = ClipInfo(
            name=name,
            origin="procedural" if (args.source / MARKER).is_file() else "folder",
            class_names=classes,
            keypoint_names=source.names,
            pairs=left_right_pairs(source.names),
            generator=_generator(cutting, rate, args.subject_pattern, source, subjects),
        )
    empty = _write(args.out, info, usable, cutting, tally, workers)
    print(_summary(args.out, info, cutting, usable, listing, problems, tally, empty))
    return 0


def _cutting(args: argparse.Namespace) -> Cutting:
    half = max(1, args.frames * args.stride // 2)
    return Cutting(args.frames, args.size, args.stride, half if args.window_step is None else args.window_step)


def _rate(text: str | None) -> Fraction | None:
    if text is None:
        return None
    try:
        # Digits, not whatever a Fraction can be made of: 1e999999999 would be computed.
        rate = Fraction(text) if re.fullmatch(r"[0-9]{1,9}([./][0-9]{1,9})?", text) else Fraction(0)
    except ZeroDivisionError:
        rate = Fraction(0)
    if not 0 < rate <= FASTEST:
        raise UserError(f"--fps {text}: give frames a second, more than 0 and at most {FASTEST}, as 25 or 30000/1001")
    return rate


def _name(given: str | None, source: Path) -> str:
    # Studies and their folders are called after the data set.
    if given is None:
        return re.sub(r"[^A-Za-z0-9._-]+", "-", source.resolve().name).strip("-._") or "videos"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", given):
        raise UserError(f"--name {given!r}: use letters, digits, '.', '_' and '-', a letter or a digit first")
    return given


def _examine(
    listing: Listing, cutting: Cutting, rate: Fraction | None, problems: Problems, workers: int
) -> list[Examined]:
    """Decodes every video once; returns those that can be cut."""
    good: list[Examined] = []
    videos = listing.videos
    results = crash_safe_map(examine, [video.path for video in videos], workers)
    with closing(results), console("reading videos", "video") as progress:
        for i, (video, facts) in enumerate(zip(videos, results, strict=True), start=1):
            shown = _sampled(facts, cutting, rate)
            if isinstance(shown, Unusable):
                problems.skip(shown.kind, video.name, shown.reason)
            else:
                assert isinstance(facts, VideoFacts)
                good.append(Examined(video, facts, shown))
                _note(good[-1], rate, problems)
            progress(i, len(videos))
    return good


def _sampled(
    facts: VideoFacts | Unreadable | WorkerDied, cutting: Cutting, rate: Fraction | None
) -> NDArray[np.int64] | Unusable:
    """The stored frames to take, one an instant; or why the video cannot be used."""
    if isinstance(facts, WorkerDied):
        return Unusable("crashing the decoder", "the decoder crashed on it, also when it was tried again")
    if isinstance(facts, Unreadable):
        return Unusable("unreadable", facts.reason)
    if min(facts.height, facts.width) < cutting.size:
        return Unusable("too small", f"smaller than {cutting.size} px: {facts.width}x{facts.height}")
    timing, asked = facts.timing, ""
    if timing.jump is not None:
        reason = f"its time stamps jump by {timing.jump.seconds:.1f} seconds after frame {timing.jump.frame}"
        return Unusable("without usable times", reason)
    if rate is not None:
        asked = f" at {float(rate):g} a second"
        if timing.interval is None:
            return Unusable("without usable times", "its frame rate is unknown, which --fps needs")
        if (times := timing.interval * rate) > LONGEST_STILL:
            return Unusable("without usable times", f"each of its frames would be shown {times:.0f} times{asked}")
    shown = timing.shown(rate)
    if len(shown) < cutting.span:
        return Unusable("too short", f"too short: {len(shown)} frames{asked}, needed are {cutting.span}")
    return shown


def _note(each: Examined, rate: Fraction | None, problems: Problems) -> None:
    """Names what is odd about a video that is used."""
    video, timing = each.video, each.facts.timing
    for oddity in each.facts.oddities:
        problems.note("odd", video.name, oddity)
    if timing.uneven and timing.interval is not None:
        hidden = timing.frames - len(np.unique(each.shown))
        problems.note(
            "with uneven frame times",
            video.name,
            f"uneven frame times, sampled at {float(rate or 1 / timing.interval):.6g} frames a second; "
            f"{hidden} of {timing.frames} frames are not shown",
        )


def _judge(args: argparse.Namespace, videos: Iterable[Video], problems: Problems) -> tuple[str, ...]:
    """The classes that have a usable video, where there are two at least and `--strict` has nothing to object to."""
    labels = [video.label for video in videos]
    return problems.judge(args.source, labels, strict=args.strict, what="video", hint="each a sub-folder of videos")


def _complete(
    examined: list[Examined], source: KeypointSource, listing: Listing, cutting: Cutting, problems: Problems
) -> list[Usable]:
    """Finds the keypoints of all videos and fills their gaps."""
    for stranger in source.strangers([video.name for video in listing.videos]):
        problems.note("only in the keypoint table", stranger, "the keypoint table has it, and it is not there")
    usable: list[Usable] = []
    total, before = sum(each.facts.frames for each in examined), 0
    with console("finding keypoints", "frame") as progress:
        for each in examined:
            video, facts = each.video, each.facts

            def tell(done: int, before: int = before, frames: int = facts.frames) -> None:
                # The last frame is told below, also of videos that need no work.
                if done < frames:
                    progress(before + done, total)

            rows = source.find(video.name, video.path, facts, tell)
            before += facts.frames
            progress(before, total)
            if rows is None:
                problems.skip("without keypoints", video.name, "no keypoints in it")
                continue
            if rows.frame.size and rows.frame[-1] >= facts.frames:
                problems.note(
                    "shorter than its keypoints",
                    video.name,
                    f"it has {facts.frames} frames, the keypoint table goes on to frame {rows.frame[-1]}",
                )
            centre = ((facts.width - 1) / 2, (facts.height - 1) / 2)
            points, valid = fill_gaps(rows.over(facts.frames), centre)
            seen = valid[each.shown]
            if any(seen[cutting.of(start)].any() for start in cutting.starts(len(seen))):
                usable.append(Usable(each, points, valid))
            else:
                problems.skip("without keypoints", video.name, "no keypoints in it")
    return usable


def _generator(
    cutting: Cutting, rate: Fraction | None, pattern: str, source: KeypointSource, subjects: tuple[str, ...]
) -> dict[str, Any]:
    made: dict[str, Any] = {
        "tool": "amc.importing.folder.importer",
        "version": IMPORTER_VERSION,
        "arguments": {
            **asdict(cutting),
            "fps": "the video's own, its average where frame times are uneven" if rate is None else str(rate),
            "subject_pattern": pattern,
            "keypoints": source.description,
            "max_gap": MAX_GAP,
        },
    }
    return made | ({"subjects": list(subjects)} if subjects else {})


def _windows(each: Usable, cutting: Cutting) -> Iterable[Window]:
    facts = each.examined.facts
    return windows(each.examined.video.path, facts, each.points, each.valid, cutting, each.examined.shown)


def _part(which: tuple[Usable, int], cutting: Cutting) -> list[Window]:
    """The windows of a video from a number on, at most `AT_ONCE` (and, of the last part, the check of its length)."""
    each, first = which
    last = first + AT_ONCE >= len(cutting.starts(len(each.examined.shown)))
    return list(islice(_windows(each, cutting), first, None if last else first + AT_ONCE))


def _cut(usable: list[Usable], cutting: Cutting, workers: int) -> Generator[Iterable[Window], None, None]:
    """The windows of each video; a single process hands on clip by clip, of several each holds a part of a video."""
    if workers == 1:
        yield from (_windows(each, cutting) for each in usable)
        return
    parts = [(each, AT_ONCE * part) for each in usable for part in range(_parts(each, cutting))]
    with closing(parallel_map(partial(_part, cutting=cutting), parts, workers)) as made:
        for each in usable:
            yield chain.from_iterable(islice(made, _parts(each, cutting)))


def _parts(each: Usable, cutting: Cutting) -> int:
    return -(-len(cutting.starts(len(each.examined.shown))) // AT_ONCE)


def _write(out: Path, info: ClipInfo, usable: list[Usable], cutting: Cutting, tally: Tally, workers: int) -> int:
    """Cuts all videos and writes their clips; returns how many windows had no valid keypoint."""
    size = (cutting.size, cutting.size)
    made = _cut(usable, cutting, workers)
    empty = 0
    with (
        ClipWriter(out, info, frames=cutting.frames, size=size, keypoints=len(info.keypoint_names)) as writer,
        closing(made),
        console(f"writing {out}", "video") as progress,
    ):
        for i, each in enumerate(usable, start=1):
            video = each.examined.video
            tally.sources[video.label] += 1
            try:
                for window in next(made):
                    if not window.valid.any():
                        empty += 1
                        continue
                    label = info.class_names.index(video.label)
                    writer.add(window.frames, window.keypoints, window.valid, label, video.subject, video.source)
                    tally.add(video.label, window.valid)
            except DecodeError as error:
                raise UserError(f"{video.path}: changed while it was read ({error}); run this again") from error
            progress(i, len(usable))
    return empty


def _summary(
    out: Path,
    info: ClipInfo,
    cutting: Cutting,
    usable: list[Usable],
    listing: Listing,
    problems: Problems,
    tally: Tally,
    empty: int,
) -> str:
    subjects = Counter(each.examined.video.subject for each in usable)
    skipped = sum(problem.skipped for problem in problems.found)
    lines = [
        f"{out}: {info.name}, origin={info.origin}, fingerprint {read_info(out).fingerprint[:16]}",
        f"  {tally.clips.total()} clips of {cutting.frames} frames, {cutting.size}x{cutting.size} px, from "
        f"{len(usable)} videos; {len(info.class_names)} classes, {len(subjects.keys() - {-1})} known subjects",
        f"  {len(info.keypoint_names)} keypoints from: {info.generator['arguments']['keypoints']}",
        *tally.table(info.class_names),
    ]
    if info.origin == "procedural":
        lines.append(f"  made, not filmed, as {MARKER} in the folder says")
    if subjects[-1]:
        lines.append(f"  subject unknown in {subjects[-1]} videos: their names do not match --subject-pattern")
    if empty:
        lines.append(f"  left out {empty} windows without a single valid keypoint")
    if listing.others:
        lines.append(f"  ignored {listing.others} files that are no videos by their names")
    if skipped:
        lines.append(f"  left out {skipped} videos")
    return "\n".join([*lines, *problems.lines()])
