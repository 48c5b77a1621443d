"""The options of `python -m analysis preference summarize`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from amc.cli.command import check_out_folder
from analysis.preference.answers import read_answers
from analysis.preference.design import read_design
from analysis.preference.exchange import read_csv, write_csv
from analysis.preference.results import results_of
from analysis.preference.table5 import tables_of
from analysis.tables.layout.formats import markdown, write


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The study, where to write, and exchange of answers."""
    parser.add_argument("folder", type=Path, metavar="STUDY", help="folder of the study")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for tables and page (default: STUDY/results)")
    exchange = parser.add_mutually_exclusive_group()
    exchange.add_argument("--export", type=Path, metavar="FILE.csv", help="write all answers as CSV, and no tables")
    exchange.add_argument(
        "--import",
        dest="imported",
        type=Path,
        metavar="FILE.csv",
        help="add answers that were collected elsewhere to the study first",
    )
    parser.add_argument("--json", action="store_true", help="print Table 5 as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Writes the tables and prints Table 5; returns the exit code."""
    design = read_design(args.folder)
    if args.export:
        answers = read_answers(args.folder)
        write_csv(design, answers, args.export)
        print(f"{len(answers)} answers: {args.export}", file=sys.stderr if args.json else sys.stdout)
        return 0
    out = args.out or args.folder / "results"
    check_out_folder(out)
    if args.imported:
        from analysis.preference.store import AnswerStore

        added = read_csv(design, args.imported)
        with AnswerStore(args.folder) as store:
            store.add(added)
    results = results_of(design, read_answers(args.folder))
    tables = tables_of(results)
    for table in tables:
        write(table, out)
    from analysis.preference.page import write_page

    page = write_page(results, out)
    print(markdown(tables[0].text), file=sys.stderr if args.json else sys.stdout)
    print(f"tables: {out}\npage: {page}", file=sys.stderr if args.json else sys.stdout)
    if args.json:
        print(json.dumps(tables[0].content, indent=2))
    return 0
