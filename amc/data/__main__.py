"""`python -m amc.data`: make, import, inspect and preview clip files."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from amc.command import Parser, chosen_preset, run
from amc.config import PRESETS
from amc.data.inspect import describe, inspect
from amc.data.preview import preview
from amc.data.procedural.natops import synthesize
from amc.errors import UserError
from amc.progress import console


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0, or 2 after one line about what is wrong, or 130 when interrupted."""
    given = list(sys.argv[1:] if arguments is None else arguments)

    def command() -> int:
        parsed = _parser(given).parse_args(given)
        chosen: Callable[[argparse.Namespace], int] = parsed.run
        return chosen(parsed)

    return run(command)


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    parser = Parser(prog="python -m amc.data", description=__doc__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    made = commands.add_parser("synthesize", help="make a procedural stand-in")
    made.add_argument("dataset", choices=("natops", "mug"))
    made.add_argument("--out", type=Path, required=True, metavar="FILE.h5")
    made.add_argument("--preset", default="auto", metavar="P", help=f"sizes: auto (the default), {', '.join(PRESETS)}")
    made.add_argument("--clips", type=int, metavar="N", help="number of clips (default: the preset's)")
    made.add_argument("--seed", type=int, default=0, metavar="S", help="of subjects and repetitions (default: 0)")
    made.add_argument("--workers", type=int, metavar="N", help="processes (default: one a core); the file is the same")
    made.set_defaults(run=_synthesize)

    prepared = commands.add_parser("prepare", help="import real videos")
    kinds = prepared.add_subparsers(title="kinds", required=True, metavar="KIND")
    folder = kinds.add_parser("folder", help="a folder of videos, one sub-folder a class")
    if given[:2] == ["prepare", "folder"]:
        # Its video reader is slow to load and only needed here.
        from amc.data import folder as importer

        importer.add_arguments(folder)
        folder.set_defaults(run=importer.run)

    shown = commands.add_parser("inspect", help="counts, ranges, split and leak check of a clip file")
    shown.add_argument("file", type=Path, metavar="FILE.h5")
    shown.add_argument("--json", action="store_true", help="one JSON document on standard output")
    shown.add_argument("--split-rule", default="subject", choices=("subject", "random"))
    shown.add_argument("--split-seed", type=int, default=0, metavar="S")
    shown.set_defaults(run=_inspect)

    pictures = commands.add_parser("preview", help="a contact sheet and a GIF a class, keypoints drawn")
    pictures.add_argument("file", type=Path, metavar="FILE.h5")
    pictures.add_argument("--out", type=Path, required=True, metavar="DIR")
    pictures.add_argument("--json", action="store_true", help="the list of files as JSON on standard output")
    pictures.set_defaults(run=_preview)
    return parser


def _synthesize(parsed: argparse.Namespace) -> int:
    if parsed.dataset != "natops":
        raise UserError(f"there is no stand-in for {parsed.dataset!r}; natops has one")
    if parsed.workers is not None and parsed.workers < 1:
        raise UserError(f"--workers {parsed.workers}: at least 1 is needed")
    preset = chosen_preset(parsed.preset)
    scale = PRESETS[preset]
    clips = scale.clips if parsed.clips is None else parsed.clips
    with console(f"making {parsed.out} ({parsed.dataset}, {preset})", "clip") as progress:
        synthesize(
            parsed.out,
            clips=clips,
            size=scale.size,
            frames=scale.frames,
            classes=scale.classes,
            seed=parsed.seed,
            progress=progress,
            workers=parsed.workers,
        )
    print(f"{parsed.out}: {clips} clips, {scale.size}x{scale.size} pixels, {scale.frames} frames, origin=procedural")
    return 0


def _inspect(parsed: argparse.Namespace) -> int:
    report = inspect(parsed.file, rule=parsed.split_rule, seed=parsed.split_seed)
    print(json.dumps(report, indent=2) if parsed.json else describe(report))
    return 0


def _preview(parsed: argparse.Namespace) -> int:
    files = [str(path) for path in preview(parsed.file, parsed.out)]
    print(json.dumps({"files": files}, indent=2) if parsed.json else "\n".join(files))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
