"""`python -m analysis report`: the HTML report of a study, from its record alone."""

from __future__ import annotations

import argparse

from analysis.cli.study_options import add_options, open_record


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `report`."""
    parser.add_argument("--study", required=True, metavar="NAME")
    add_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Writes the report and prints its path."""
    from analysis.report.write import write_report  # matplotlib, which `tables` does not wait for

    folder = args.runs / args.study
    with open_record(args, args.study) as records:
        print(f"report: {write_report(records, args.study, folder, args.out or folder)}")
    return 0
