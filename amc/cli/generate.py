"""`python -m amc generate`: generates videos from one image with a trained model."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from amc.argument_types import integer
from amc.cli.command import check_out_folder
from amc.cli.method_option import add_expected_method_option
from amc.cli.reopen import reopen
from amc.data.conditions import TestConditions
from amc.data.pictures import rgb_pixels
from amc.data.resize import area_resize
from amc.data.training_data import TrainingData
from amc.errors import UserError, cannot_write
from amc.evaluation.generation import generate_clips
from amc.evaluation.pictures.figure import LabelledClip, figure
from amc.evaluation.pictures.mismatched import matched_and_mismatched
from amc.evaluation.pictures.movie import mp4
from amc.evaluation.pictures.strip import Row, gif, strip
from amc.evaluation.test_clips import FILE, write_test_clips
from amc.training.run import Run

# Exceptions of Pillow for damaged, unknown or huge pictures.
_UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)

FORMATS = {"gif": gif, "mp4": mp4}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `generate`."""
    parser.add_argument("run_directory", type=Path, metavar="RUN", help="output folder of the train command")
    parser.add_argument("--data", type=Path, metavar="FILE.h5", help="clip file that the model was trained on")
    add_expected_method_option(parser)
    start = parser.add_mutually_exclusive_group()
    start.add_argument(
        "--image",
        type=Path,
        metavar="FILE",
        help="picture that is cropped to its central square and used as the first frame",
    )
    start.add_argument(
        "--clip",
        type=int,
        metavar="N",
        help="clip whose first frame is used, or first frames if the method sees several; counted from 0 "
        "(default: the first validation clip)",
    )
    parser.add_argument(
        "--class", dest="name", default="all", metavar="NAME", help="class of the motion (default: all)"
    )
    parser.add_argument(
        "--mismatched",
        action="store_true",
        help="draw the paper's Figure 3 for the clip instead: the real clip, and clips generated with both conditions "
        "matched, another appearance, or another motion (that of --class, else a random one)",
    )
    parser.add_argument(
        "--test-clips",
        type=integer(1),
        metavar="N",
        help="write N random clips of the test split, generated and real, to DIR/test_clips.npz instead; "
        "the same --seed selects the same conditions for every method",
    )
    parser.add_argument("--format", choices=(*FORMATS, "both"), default="gif", help="video format (default: gif)")
    parser.add_argument(
        "--seed",
        type=integer(0),
        default=0,
        metavar="S",
        help="random seed of the noise and the velocities (default: 0)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for strip.png and clips.gif or .mp4; with --mismatched for figure3.png and figure3.gif or .mp4",
    )
    parser.add_argument("--json", action="store_true", help="print the list of files as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Writes the pictures; returns the exit code."""
    if args.mismatched and args.image is not None:
        raise UserError("--mismatched compares with a real clip: give --clip N instead of --image")
    if args.test_clips is not None and (args.mismatched or args.image or args.clip is not None or args.name != "all"):
        raise UserError("--test-clips takes the first frames and classes from the test split: give no other selection")
    check_out_folder(args.out)
    finished = reopen(args.run_directory, args.data, args.method)
    if args.test_clips is not None:
        return _test_clips(args, finished)
    names = finished.data.clips.info.class_names
    if args.name not in ("all", *names):
        raise UserError(f"unknown class {args.name!r}: choose all, {', '.join(names)}")
    seen = finished.method.frames_seen
    if args.mismatched and seen > 1:
        raise UserError(
            f"{finished.method.title} sees {seen} frames of a clip, which show appearance and motion together: leave "
            "out --mismatched"
        )
    if not finished.method.needs_keypoints:
        title = finished.method.title
        print(f"{title} is given neither class nor motion: its clips are the same for every class", file=sys.stderr)
    rows: list[Row]
    save: Callable[[Path], None]
    if args.mismatched:
        videos = _mismatched(args, finished)
        rows = [(video.caption, video.frames) for video in videos]
        still, moving, save = "figure3.png", "figure3", partial(figure, [videos])
    else:
        classes = [index for index, name in enumerate(names) if args.name in ("all", name)]
        made = generate(finished, _seen_frames(args, finished), classes, args.seed)
        rows = [(names[c], frames) for c, frames in zip(classes, made, strict=True)]
        still, moving, save = "strip.png", "clips", partial(strip, rows)
    moving_files = {kind: args.out / f"{moving}.{kind}" for kind in FORMATS if args.format in (kind, "both")}
    files = [args.out / still, *moving_files.values()]
    _check_image_kept(args.image, files)
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        save(files[0])
        for kind, file in moving_files.items():
            FORMATS[kind](rows, file)
    except OSError as error:
        raise cannot_write(args.out, error) from error
    print(json.dumps({"files": [str(file) for file in files]}) if args.json else "\n".join(map(str, files)))
    return 0


def _test_clips(args: argparse.Namespace, finished: Run) -> int:
    path = args.out / FILE
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(args.out, error) from error
    write_test_clips(finished, args.test_clips, args.seed, path)
    print(json.dumps({"files": [str(path)]}) if args.json else path)
    return 0


def generate(finished: Run, seen: NDArray[np.uint8], classes: list[int], seed: int) -> NDArray[np.uint8]:
    """Videos (n, T, H, W, 3) that start with the frames `seen` (s, H, W, 3), one per class.

    The velocities are those of a random training clip of the class (R13), chosen by `seed` and class.
    """
    data = finished.data
    train, label = data.split.train, data.clips.label
    draws = [np.random.default_rng([seed, c]) for c in classes]
    lent = [int(draw.choice(train[label[train] == c])) for draw, c in zip(draws, classes, strict=True)]
    noise = [draw.standard_normal(finished.config.model.noise, dtype=np.float32) for draw in draws]
    conditions = TestConditions(
        np.zeros(len(classes), np.int64), np.array(lent, dtype=np.int64), np.stack(noise).astype(np.float32)
    )
    made = generate_clips(
        finished.generator, finished.config, _showing(data, seen), conditions, labels=np.array(classes, dtype=np.int64)
    )
    return np.concatenate([np.broadcast_to(seen[:1], (len(classes), 1, *seen.shape[1:])), made], axis=1)


def _showing(data: TrainingData, seen: NDArray[np.uint8]) -> TrainingData:
    """The same data with these frames as those of clip 0."""
    return replace(data, clips=replace(data.clips, frames=seen[None]))


def _check_image_kept(image: Path | None, files: Sequence[Path]) -> None:
    for file in files:
        if image is not None and file.exists() and image.exists() and file.samefile(image):
            raise UserError(f"--image {image} would be overwritten: choose another --out")


def _mismatched(args: argparse.Namespace, finished: Run) -> list[LabelledClip]:
    clip, info = _clip(args, finished), finished.data.clips.info
    motion = None if args.name == "all" else info.class_names.index(args.name)
    if motion == int(finished.data.clips.label[clip]):
        raise UserError(f"clip {clip} itself shows {args.name!r}: choose another --class for the mismatched motion")
    chosen = np.array([clip], dtype=np.int64)
    (videos,) = matched_and_mismatched(
        finished.generator, finished.config, finished.data, chosen, args.seed, motion=motion
    )
    return videos


def _clip(args: argparse.Namespace, finished: Run) -> int:
    number = int(finished.data.split.validation[0]) if args.clip is None else int(args.clip)
    count = len(finished.data.clips.frames)
    if not 0 <= number < count:
        raise UserError(f"--clip {number}: the data have clips 0 to {count - 1}")
    return number


def _seen_frames(args: argparse.Namespace, finished: Run) -> NDArray[np.uint8]:
    """The real frames (s, H, W, 3) that the method sees."""
    size, method = finished.config.model.size, finished.method
    if args.image is None:
        frames: NDArray[np.uint8] = finished.data.clips.frames[_clip(args, finished), : method.frames_seen]
        return frames
    if method.frames_seen > 1:
        raise UserError(f"{method.title} sees {method.frames_seen} frames of a clip: give --clip N instead of --image")
    try:
        with Image.open(args.image) as image:
            pixels = rgb_pixels(ImageOps.exif_transpose(image))
    except FileNotFoundError as error:
        raise UserError(f"--image {args.image}: file not found") from error
    except _UNREADABLE as error:
        raise UserError(f"--image {args.image} cannot be read as a picture: {error}") from error
    side = min(pixels.shape[:2])
    if side < size:
        raise UserError(f"--image {args.image} is too small: the run needs at least {size} x {size} pixels")
    y, x = ((extent - side) // 2 for extent in pixels.shape[:2])
    return area_resize(pixels[y : y + side, x : x + side], (size, size))[None]
