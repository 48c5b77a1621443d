"""`python -m amc.data`: make, import, inspect and preview clip files."""

from __future__ import annotations

import argparse
import importlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amc.argument_types import integer
from amc.cli.command import Parser, run_parsed
from amc.cli.data_source import stand_in_sizes
from amc.cli.preset import chosen_preset
from amc.config import PRESETS, SPLIT_RULES
from amc.data.inspection.preview import preview
from amc.data.inspection.report import inspect
from amc.data.inspection.text import describe
from amc.data.splits import SPLIT_HELP
from amc.errors import UserError
from amc.importing.folder import importer as folder
from amc.importing.mug import importer as mug
from amc.importing.natops import importer as natops
from amc.progress import console
from amc.standins.registry import STAND_INS

IMPORTERS = {
    "natops": (natops, "NATOPS as distributed"),
    "mug": (mug, "MUG as distributed, with landmarks and action units of OpenFace"),
    "folder": (folder, "a folder of videos, with one subfolder per class"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code: 0, 2 (wrong use) or 130 (interrupted)."""
    parser = Parser(prog="python -m amc.data", description="Make, import, inspect and preview clip files.")
    add_arguments(parser)
    return run_parsed(parser, arguments)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the subcommands `synthesize`, `prepare`, `inspect` and `preview`."""
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    made = commands.add_parser("synthesize", help="make a procedural stand-in")
    made.add_argument("dataset", choices=tuple(STAND_INS))
    place = made.add_mutually_exclusive_group(required=True)
    place.add_argument("--out", type=Path, metavar="FILE.h5", help="the clip file to write")
    place.add_argument(
        "--as-distribution",
        type=Path,
        metavar="DIR",
        help="write videos or images in the layout of the original data set instead, as input for the prepare command",
    )
    made.add_argument(
        "--preset",
        default="auto",
        metavar="P",
        help=f"preset that sets the sizes: auto, {', '.join(PRESETS)} (default: auto)",
    )
    made.add_argument(
        "--clips",
        type=integer(1),
        metavar="N",
        help="number of clips, or of recordings with --as-distribution (default: the preset's)",
    )
    made.add_argument("--subjects", type=integer(1), metavar="N", help="number of subjects (default: the preset's)")
    made.add_argument("--seed", type=integer(0), default=0, metavar="S", help="random seed (default: 0)")
    made.add_argument(
        "--workers",
        type=integer(1),
        metavar="N",
        help="worker processes (default: one per core); does not change the file",
    )
    made.set_defaults(run=_synthesize)

    prepared = commands.add_parser("prepare", help="import real videos")
    kinds = prepared.add_subparsers(title="kinds", required=True, metavar="KIND")
    for name, (module, text) in IMPORTERS.items():
        kind = kinds.add_parser(name, help=text)
        module.add_arguments(kind)
        kind.set_defaults(run=module.run)

    shown = commands.add_parser("inspect", help="print counts, ranges, split and leak check of a clip file")
    shown.add_argument("file", type=Path, metavar="FILE.h5")
    shown.add_argument("--json", action="store_true", help="print JSON")
    shown.add_argument("--split-rule", default="subject", choices=SPLIT_RULES, metavar="RULE", help=SPLIT_HELP)
    shown.add_argument("--split-seed", type=integer(0), default=0, metavar="S")
    shown.set_defaults(run=_inspect)

    pictures = commands.add_parser("preview", help="draw a contact sheet, and a GIF per class, with keypoints")
    pictures.add_argument("file", type=Path, metavar="FILE.h5")
    pictures.add_argument("--out", type=Path, required=True, metavar="DIR")
    pictures.add_argument("--json", action="store_true", help="print the list of files as JSON")
    pictures.add_argument("--no-skeleton", action="store_true", help="draw keypoints without lines between them")
    pictures.add_argument("--velocities", action="store_true", help="draw velocities, as the movement over 3 frames")
    pictures.set_defaults(run=_preview)


def _synthesize(parsed: argparse.Namespace) -> int:
    stand_in = STAND_INS[parsed.dataset]
    preset = chosen_preset(parsed.preset)
    sizes = stand_in_sizes(parsed.dataset, preset)
    sizes |= {} if parsed.clips is None else {"clips": parsed.clips}
    sizes |= {} if parsed.subjects is None else {"subjects": parsed.subjects}
    if parsed.as_distribution is not None:
        return _original_layout(parsed, sizes)
    with console(f"making {parsed.out} ({parsed.dataset}, {preset})", "clip") as progress:
        stand_in.synthesize(parsed.out, **sizes, seed=parsed.seed, progress=progress, workers=parsed.workers)
    print(
        f"{parsed.out}: {sizes['clips']} clips, {sizes['size']}x{sizes['size']} pixels, {sizes['frames']} frames, "
        "origin=procedural"
    )
    return 0


def _original_layout(parsed: argparse.Namespace, sizes: dict[str, Any]) -> int:
    """Writes the stand-in in the layout of the original data set; `--clips` is the number of recordings."""
    writer = importlib.import_module(f"amc.standins.original_layouts.{parsed.dataset}")
    recorded = sizes["clips"] if parsed.clips is not None else math.ceil(sizes["clips"] / writer.CLIPS_PER_RECORDING)
    with console(f"making {parsed.as_distribution}", "clip") as progress:
        print(
            writer.write_original_layout(
                parsed.as_distribution,
                clips=recorded,
                classes=sizes["classes"],
                subjects=sizes["subjects"],
                seed=parsed.seed,
                progress=progress,
                workers=parsed.workers,
            )
        )
    return 0


def _inspect(parsed: argparse.Namespace) -> int:
    with console(f"reading {parsed.file}", "clip") as progress:
        report = inspect(parsed.file, rule=parsed.split_rule, seed=parsed.split_seed, progress=progress)
    print(json.dumps(report, indent=2) if parsed.json else describe(report))
    found = report["split"].get("leaks")
    if found:
        raise UserError(f"{parsed.file}: the split by {report['split']['rule']} leaks: {'; '.join(found)}")
    return 0


def _preview(parsed: argparse.Namespace) -> int:
    with console(f"drawing {parsed.file}", "class") as progress:
        paths = preview(
            parsed.file, parsed.out, skeleton=not parsed.no_skeleton, velocities=parsed.velocities, progress=progress
        )
    files = [str(path) for path in paths]
    print(json.dumps({"files": files}, indent=2) if parsed.json else "\n".join(files))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
