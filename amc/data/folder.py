"""`python -m amc.data prepare folder`: a folder of labelled videos becomes a clip file.

The class of a video is the sub-folder it lies in. Each video is cut into windows of T frames, every `stride`-th
frame, a new window every `window_step` frames; all windows of one video share its `source_clip`. Frames are cropped to
the square in their middle and reduced by area averaging; keypoints move along, and stay valid where they leave the
picture. Keypoints that were not found are filled in over time by `amc.data.gaps.fill_gaps`: gaps of at most
`MAX_GAP` frames of the video count as valid, longer ones do not. A window in which no keypoint is ever valid is left
out.

A video that cannot be used (unreadable, damaged, too short, too small, nobody found in it) is left out and named in
the summary. The same videos and keypoints give the same file, whatever else lies about.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amc.data.clipfile import ClipInfo, ClipWriter, read_info
from amc.data.gaps import MAX_GAP, fill_gaps
from amc.data.keypoint_source import KeypointSource, keypoint_source
from amc.data.keypoint_table import left_right_pairs, parse_names
from amc.data.listing import SUBJECT_PATTERN, Listing, Video, list_videos
from amc.data.video import DecodeError, Unreadable, VideoFacts, examine
from amc.data.windows import Cutting, windows
from amc.errors import UserError
from amc.progress import console

IMPORTER_VERSION = 1
FRAMES, SIZE, STRIDE = 32, 64, 1
NAMED_IN_ERROR = 3  # problems that an error line names; the summary names all


@dataclass(frozen=True)
class Usable:
    """A video that will be cut: keypoints (n, k, 2) in pixels of its frames without NaN, and which are valid (n, k)."""

    video: Video
    facts: VideoFacts
    points: NDArray[np.float64]
    valid: NDArray[np.bool_]


@dataclass
class Report:
    """What was done and what was not."""

    problems: list[str] = field(default_factory=list)  # one for each video that cannot be used, and for oddities
    skipped: int = 0  # videos among them
    clips: Counter[str] = field(default_factory=Counter)  # by class
    points: Counter[str] = field(default_factory=Counter)  # by class, all frames of all clips
    valid: Counter[str] = field(default_factory=Counter)  # those of them that are valid
    empty_windows: int = 0

    def skip(self, video: Video, reason: str) -> None:
        """A video cannot be used."""
        self.skipped += 1
        self.problems.append(f"{video.name}: {reason}")

    def sample(self) -> str:
        """The first problems and the number of the others, for an error line."""
        more = len(self.problems) - NAMED_IN_ERROR
        return "; ".join([*self.problems[:NAMED_IN_ERROR], *([f"and {more} more"] if more > 0 else [])])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `prepare folder`."""
    add = parser.add_argument
    add("source", type=Path, metavar="SRC", help="folder with one sub-folder of videos for each class")
    add("--out", type=Path, required=True, metavar="FILE.h5", help="the clip file to write")
    add("--keypoints", type=Path, metavar="TABLE.csv", help="a keypoint table (default: the pose estimator)")
    add("--keypoint-names", metavar="a,b,…", help="names of the table's points, in place of its own")
    add("--frames", type=int, default=FRAMES, metavar="T", help="frames a clip (default: %(default)s)")
    add("--size", type=int, default=SIZE, metavar="PIXELS", help="height and width (default: %(default)s)")
    add("--stride", type=int, default=STRIDE, metavar="N", help="take every N-th frame (default: %(default)s)")
    add("--window-step", type=int, metavar="N", help="video frames between starts of windows (default: T x N / 2)")
    add(
        "--subject-pattern",
        default=SUBJECT_PATTERN,
        metavar="REGEX",
        help="its group finds the performer in a file name (default: a number after subject, performer, person or "
        "the like, or after s or p alone)",
    )
    add("--strict", action="store_true", help="a video that cannot be used is an error")
    add("--name", metavar="NAME", help="of the data set (default: the folder's)")


def run(args: argparse.Namespace) -> int:
    """The command: writes the file, prints a summary and returns 0.

    Raises:
        UserError: arguments, videos or keypoints that make no data set; nothing is written then.
    """
    cutting = _cutting(args)
    name = _name(args.name, args.source)
    names = parse_names(args.keypoint_names) if args.keypoint_names is not None else None
    listing = list_videos(args.source, args.subject_pattern)
    report = Report()
    with keypoint_source(args.keypoints, names) as source:
        examined = _examine(listing, cutting, report)
        _judge(args, [video for video, _ in examined], report)
        usable = _complete(examined, source, listing, cutting, report)
        classes = _judge(args, [each.video for each in usable], report)
        info = ClipInfo(
            name=name,
            origin="folder",
            class_names=classes,
            keypoint_names=source.names,
            pairs=left_right_pairs(source.names),
            generator=_generator(cutting, args.subject_pattern, source, listing),
        )
    _write(args.out, info, usable, cutting, report)
    print(_summary(args.out, info, cutting, usable, listing, report))
    return 0


def _cutting(args: argparse.Namespace) -> Cutting:
    for argument, least in (("frames", 2), ("size", 1), ("stride", 1), ("window_step", 1)):
        value = getattr(args, argument)
        if value is not None and value < least:
            raise UserError(f"--{argument.replace('_', '-')} {value}: at least {least} is needed")
    half = max(1, args.frames * args.stride // 2)
    return Cutting(args.frames, args.size, args.stride, half if args.window_step is None else args.window_step)


def _name(given: str | None, source: Path) -> str:
    # Studies and their folders are called after the data set.
    if given is None:
        return re.sub(r"[^A-Za-z0-9._-]+", "-", source.resolve().name).strip("-._") or "videos"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", given):
        raise UserError(f"--name {given!r}: use letters, digits, '.', '_' and '-', a letter or a digit first")
    return given


def _examine(listing: Listing, cutting: Cutting, report: Report) -> list[tuple[Video, VideoFacts]]:
    """Decodes every video once; returns those that can be cut."""
    good = []
    with console("reading videos", "video") as progress:
        for i, video in enumerate(listing.videos, start=1):
            facts = examine(video.path)
            if isinstance(facts, Unreadable):
                report.skip(video, facts.reason)
            elif facts.frames < cutting.span:
                report.skip(video, f"too short: {facts.frames} frames, needed are {cutting.span}")
            elif min(facts.height, facts.width) < cutting.size:
                report.skip(video, f"smaller than {cutting.size} px: {facts.width}x{facts.height}")
            else:
                good.append((video, facts))
            progress(i, len(listing.videos))
    return good


def _judge(args: argparse.Namespace, videos: list[Video], report: Report) -> tuple[str, ...]:
    """The classes that have a usable video, where there are two at least and `--strict` has nothing to object to."""
    if args.strict and report.problems:
        raise UserError(f"{args.source}: {report.sample()} (without --strict they are left out)")
    classes = tuple(sorted({video.label for video in videos}))
    if len(classes) < 2:
        held = f"only the class {classes[0]!r} has a usable video" if classes else "there is no usable video"
        raise UserError(
            f"{args.source}: {held}, and two classes are needed, each a sub-folder of videos"
            + (f"; not usable: {report.sample()}" if report.problems else "")
        )
    return classes


def _complete(
    examined: list[tuple[Video, VideoFacts]],
    source: KeypointSource,
    listing: Listing,
    cutting: Cutting,
    report: Report,
) -> list[Usable]:
    """Finds the keypoints of all videos and fills their gaps."""
    strangers = source.strangers([video.name for video in listing.videos])
    if strangers:
        report.problems.append(
            f"the keypoint table has {len(strangers)} videos that are not there: {', '.join(strangers)}"
        )
    usable: list[Usable] = []
    total, before = sum(facts.frames for _, facts in examined), 0
    with console("finding keypoints", "frame") as progress:
        for video, facts in examined:

            def tell(done: int, before: int = before, frames: int = facts.frames) -> None:
                # The last frame is told below, also of videos that need no work.
                if done < frames:
                    progress(before + done, total)

            rows = source.find(video.name, video.path, facts, tell)
            before += facts.frames
            progress(before, total)
            if rows is None:
                report.skip(video, "no keypoints in it")
                continue
            if rows.frame.size and rows.frame[-1] >= facts.frames:
                report.problems.append(
                    f"{video.name}: it has {facts.frames} frames, the keypoint table goes on to frame {rows.frame[-1]}"
                )
            centre = ((facts.width - 1) / 2, (facts.height - 1) / 2)
            points, valid = fill_gaps(rows.over(facts.frames), centre)
            if any(valid[cutting.of(start)].any() for start in cutting.starts(facts.frames)):
                usable.append(Usable(video, facts, points, valid))
            else:
                report.skip(video, "no keypoints in it")
    return usable


def _generator(cutting: Cutting, pattern: str, source: KeypointSource, listing: Listing) -> dict[str, Any]:
    made: dict[str, Any] = {
        "tool": "amc.data.folder",
        "version": IMPORTER_VERSION,
        "arguments": {
            **asdict(cutting),
            "subject_pattern": pattern,
            "keypoints": source.description,
            "max_gap": MAX_GAP,
        },
    }
    return made | ({"subjects": list(listing.subjects)} if listing.subjects else {})


def _write(out: Path, info: ClipInfo, usable: list[Usable], cutting: Cutting, report: Report) -> None:
    size = (cutting.size, cutting.size)
    with (
        ClipWriter(out, info, frames=cutting.frames, size=size, keypoints=len(info.keypoint_names)) as writer,
        console(f"writing {out}", "video") as progress,
    ):
        for i, each in enumerate(usable, start=1):
            video, label = each.video, each.video.label
            try:
                for window in windows(video.path, each.facts, each.points, each.valid, cutting):
                    if not window.valid.any():
                        report.empty_windows += 1
                        continue
                    writer.add(
                        window.frames,
                        window.keypoints,
                        window.valid,
                        info.class_names.index(label),
                        video.subject,
                        video.source,
                    )
                    report.clips[label] += 1
                    report.points[label] += window.valid.size
                    report.valid[label] += int(window.valid.sum())
            except DecodeError as error:
                raise UserError(f"{video.path}: changed while it was read ({error}); run this again") from error
            progress(i, len(usable))


def _summary(
    out: Path, info: ClipInfo, cutting: Cutting, usable: list[Usable], listing: Listing, report: Report
) -> str:
    videos = Counter(each.video.label for each in usable)
    subjects = {each.video.subject for each in usable}
    unknown = sum(each.video.subject < 0 for each in usable)
    width = max(12, *(len(name) for name in info.class_names))
    lines = [
        f"{out}: {info.name}, origin={info.origin}, fingerprint {read_info(out).fingerprint[:16]}",
        f"  {report.clips.total()} clips of {cutting.frames} frames, {cutting.size}x{cutting.size} px, from "
        f"{len(usable)} videos; {len(info.class_names)} classes, {len(subjects - {-1})} known subjects",
        f"  {len(info.keypoint_names)} keypoints from: {info.generator['arguments']['keypoints']}",
        f"  {'class':<{width}}  videos   clips  valid keypoints",
    ]
    for name in info.class_names:
        share = report.valid[name] / report.points[name] if report.points[name] else 0.0
        lines.append(f"  {name:<{width}}  {videos[name]:6d}  {report.clips[name]:6d}  {share:14.1%}")
    if unknown:
        lines.append(f"  subject unknown in {unknown} videos: their names do not match --subject-pattern")
    if report.empty_windows:
        lines.append(f"  left out {report.empty_windows} windows without a single valid keypoint")
    if listing.others:
        lines.append(f"  ignored {listing.others} files that are no videos by their names")
    if report.problems:
        lines.append(f"  left out {report.skipped} videos; all problems:")
        lines += [f"    {problem}" for problem in report.problems]
    return "\n".join(lines)
