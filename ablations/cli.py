"""`run_all.py`: every arm of Table 4 with several seeds, on the study engine, to tables, figures and a report."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from ablations.results import FIGURES, REPORT, TABLES
from ablations.study import prepared_study
from amc.cli.command import NO_SUCCESS, Parser, run
from analysis.record.reading import Records
from analysis.tables.ablation import ablation_table, ablation_view
from analysis.tables.formats import markdown
from analysis.tables.study import load
from tuning.cli import options
from tuning.engine.study import Ending, Study, run_study, sigterm_as_interrupt
from tuning.planning.dry_run import show_forecast
from tuning.tracking.store import ui_command

SEEDS_DEFAULT = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code of `run_all.py`: 0, 2 (wrong use), 3 (no successful run) or 130 (interrupted)."""
    parser = _parser()

    def ablate() -> int:
        args = parser.parse_args(argv)
        study = prepared_study(args)
        if args.dry_run:
            return show_forecast(study, as_json=args.json)
        ending = run_study(study)
        show(study, ending, as_json=args.json)
        return ending.code

    with sigterm_as_interrupt():
        return run(ablate)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="run_all.py", description="Run the ablation arms of Table 4; the same command goes on.")
    options.add_options(parser)
    ablation = parser.add_argument_group("ablation")
    ablation.add_argument("--table", default="4", choices=("4",), help="of the paper (4)")
    ablation.add_argument(
        "--arms", metavar="SLUGS", help="such as no_ya,no_ym or all,ours_again (all: Table 4's); Ours always runs"
    )
    ablation.add_argument("--seeds", type=int, default=SEEDS_DEFAULT, metavar="N", help=f"an arm ({SEEDS_DEFAULT})")
    ablation.add_argument("--from-study", metavar="NAME", help="begin from the best configuration of a search in --out")
    ablation.add_argument(
        "--lpips", type=Path, metavar="FILE", help="its weights, .safetensors: scores by it, too (or none)"
    )
    ablation.add_argument(
        "--fvd", type=Path, metavar="FILE", help="weights of I3D, .safetensors: scores by it, too (or none)"
    )
    return parser


def show(study: Study, ending: Ending, *, as_json: bool) -> None:
    """Prints the table and where everything is; with JSON the table's content, and the rest on standard error."""
    out = sys.stderr if as_json else sys.stdout
    with Records(study.record or study.folder / "record.db") as records:
        content = ablation_table(load(records, study.row.name))
    print(markdown(ablation_view(content)), file=out)
    if ending.code == NO_SUCCESS:
        print(f"error: no run succeeded; the reasons are in {study.folder / 'logs'}", file=sys.stderr)
    older = "" if ending.results else " (of an earlier sitting: the same command makes it anew)"
    for name in (TABLES, FIGURES, REPORT):
        if (study.folder / name).exists():
            print(f"{name.partition('.')[0]}: {study.folder / name}{older}", file=out)
    print(f"look at all studies: {ui_command(study.target)}", file=out, flush=True)
    if as_json:
        print(json.dumps(content, indent=2))
