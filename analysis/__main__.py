"""`python -m analysis`: tables and a report of a study from its record, without checkpoints, Ray or torch."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from amc.cli.command import Parser, run
from amc.errors import UserError
from analysis.record.database import without_password
from analysis.record.reading import RecordReader, open_if_present
from analysis.tables.formats import markdown
from analysis.tables.join_studies import join_studies
from analysis.tables.load_study import is_ablation, load_study
from analysis.tables.write_tables import write_ablation_tables, write_search_tables

RUNS = Path("runs")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code of `python -m analysis`: 0, 2 (wrong use) or 130 (interrupted)."""
    parser = Parser(prog="python -m analysis", description="Tables and a report of a study, from its record alone.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    tables = commands.add_parser("tables", help="Markdown, LaTeX, CSV and JSON")
    tables.add_argument(
        "--study", required=True, action="append", metavar="NAME", help="again for more arms on the same data"
    )
    tables.add_argument("--json", action="store_true", help="the first table as JSON on standard output")
    report = commands.add_parser("report", help="one HTML file that opens offline")
    report.add_argument("--study", required=True, metavar="NAME")
    for command in (tables, report):
        command.add_argument("--runs", type=Path, default=RUNS, metavar="DIR", help=f"where studies are ({RUNS})")
        command.add_argument("--out", type=Path, metavar="DIR", help="where to write (the folder of the one study)")
        command.add_argument("--record", metavar="URL", help="the database of the record (DIR/NAME/record.db)")
    tables.set_defaults(run=_tables)
    report.set_defaults(run=_report)

    def analyse() -> int:
        args = parser.parse_args(argv)
        if args.out is not None and args.out.exists() and not args.out.is_dir():
            raise UserError(f"--out {args.out} is no folder")
        return int(args.run(args))

    return run(analyse)


def _tables(args: argparse.Namespace) -> int:
    names = list(dict.fromkeys(args.study))
    if len(names) > 1 and args.out is None:
        raise UserError("a table of several studies belongs in no study's own folder: give --out")
    folder = args.out or args.runs / names[0] / "tables"
    with _opened(args, names[0]) as records:
        if is_ablation(records.study(names[0])):
            scores = [load_study(records, names[0])]
            for name in names[1:]:
                with _opened(args, name) as others:
                    scores.append(load_study(others, name))
            written = write_ablation_tables(join_studies(scores), folder)
        elif len(names) > 1:
            raise UserError(f"study {names[0]!r} is a search: give one --study")
        else:
            written = write_search_tables(records, names[0], folder)
    print(markdown(written[0].text), file=sys.stderr if args.json else sys.stdout)
    print(f"tables: {folder}", file=sys.stderr if args.json else sys.stdout)
    if args.json:
        print(json.dumps(written[0].content, indent=2))
    return 0


def _report(args: argparse.Namespace) -> int:
    from analysis.report.write import write_report  # draws figures, which tables need not wait for

    folder = args.runs / args.study
    with _opened(args, args.study) as records:
        print(f"report: {write_report(records, args.study, folder, args.out or folder)}")
    return 0


@contextlib.contextmanager
def _opened(args: argparse.Namespace, study: str) -> Iterator[RecordReader]:
    """The record that has a study, looked at: a study that runs is not held up."""
    address = args.record or args.runs / study / "record.db"
    with open_if_present(address) as records:
        if records is None:
            raise UserError(f"there is no study record at {without_password(str(address))}: give --runs or --record")
        yield records


if __name__ == "__main__":
    sys.exit(main())
