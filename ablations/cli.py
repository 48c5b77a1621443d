"""`run_all.py`: the arms of Table 4 or the methods of Table 3 with several seeds each, then tables and a report."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from ablations import table3
from ablations.results import FIGURES, REPORT, TABLES
from ablations.study import prepare_study
from amc.argument_types import integer
from amc.cli.command import NO_SUCCESS, Parser, run_parsed
from amc.errors import UserError
from amc.evaluation.keypoints.judge import HELP as EXTRACTOR_HELP
from analysis.record.reading import RecordReader
from analysis.scores.load_study import load_study
from analysis.tables.keypoints import NAME as KEYPOINTS
from analysis.tables.layout.formats import markdown
from analysis.tables.table4 import ablation_content, ablation_text
from tuning.cli import options
from tuning.engine.interruption import sigterm_as_interrupt
from tuning.engine.study import Ending, Study, run_study
from tuning.planning.dry_run import show_forecast
from tuning.tracking.store import ui_command


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `run_all.py` and returns its exit code.

    Returns:
        0 on success, 2 after wrong arguments or data, 3 if no run succeeded, 130 if interrupted.
    """
    return run_parsed(_parser(), argv)


def _parser() -> Parser:
    parser = Parser(
        prog="python ablations/run_all.py",
        description="Run the ablation arms of Table 4, or the methods of Table 3. Rerun the same command to resume.",
    )
    add_arguments(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Runs the study or studies, or their forecast, and returns the exit code."""
    with sigterm_as_interrupt():
        if args.table != "4":
            return table3.run(args)
        if args.tune is not None:
            raise UserError("--tune tunes the methods of Table 3: give --table 3, or leave it out")
        study = prepare_study(args)
        if args.dry_run:
            return show_forecast(study, as_json=args.json)
        ending = run_study(study)
        show(study, ending, as_json=args.json)
        return ending.code


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of an ablation study."""
    options.add_options(parser)
    ablation = parser.add_argument_group("ablation")
    ablation.add_argument(
        "--table",
        default="4",
        choices=("3", "4", KEYPOINTS),
        help=f"table of the paper to reproduce (default: 4); {KEYPOINTS}: the methods of Table 3 by keypoints alone "
        "(section 4.1), on mug unless --dataset says otherwise. It belongs to the study of Table 3, whose finished "
        "runs are not trained again",
    )
    ablation.add_argument(
        "--arms",
        metavar="SLUGS",
        help="comma-separated arms, such as no_ya,no_ym or all,ours_again; ours is always included. For Table 3, "
        "methods as in --method, such as cdna or all,package.module:NAME (default: all, those of the paper's table)",
    )
    ablation.add_argument("--seeds", type=integer(1), default=3, metavar="N", help="seeds per arm (default: 3)")
    ablation.add_argument(
        "--tune",
        type=integer(1),
        metavar="N",
        help="tune every method of Table 3 by a search of N trials first (default: each has the preset's settings)",
    )
    ablation.add_argument(
        "--from-study",
        metavar="NAME",
        help="use the best configuration of this search, whose folder is in --out, for all arms",
    )
    ablation.add_argument(
        "--lpips",
        type=Path,
        metavar="FILE",
        help="also measure LPIPS with these weights (.safetensors); 'none' stops measuring it",
    )
    ablation.add_argument(
        "--fvd",
        type=Path,
        metavar="FILE",
        help="also measure FVD with these I3D weights (.safetensors); 'none' stops measuring it",
    )
    ablation.add_argument(
        "--extractor",
        metavar="NAME[:PATH]",
        help=f"{EXTRACTOR_HELP}; 'none' stops measuring it",
    )
    parser.set_defaults(run=run)


def show(study: Study, ending: Ending, *, as_json: bool) -> None:
    """Prints the table and the paths of the results, or the table as JSON with everything else on standard error."""
    out = sys.stderr if as_json else sys.stdout
    with RecordReader(study.record_address) as records:
        content = ablation_content(load_study(records, study.row.name))
    print(markdown(ablation_text(content)), file=out)
    if ending.code == NO_SUCCESS:
        print(f"error: no run succeeded; see the logs in {study.folder / 'logs'}", file=sys.stderr)
    older = "" if ending.results else " (from an earlier run; rerun to regenerate)"
    for name in (TABLES, FIGURES, REPORT):
        if (study.folder / name).exists():
            print(f"{name.partition('.')[0]}: {study.folder / name}{older}", file=out)
    print(f"to open MLflow: {ui_command(study.target)}", file=out, flush=True)
    if as_json:
        print(json.dumps(content, indent=2))
