"""`python -m analysis report`: the HTML report of a study, from its record alone."""

from __future__ import annotations

import argparse
import contextlib

from analysis.cli.study_options import add_options, open_record
from analysis.record.members import read_members


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `report`."""
    parser.add_argument("--study", required=True, metavar="NAME")
    add_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Writes the report and prints its path."""
    from analysis.report.write import write_report  # matplotlib, which `tables` does not wait for

    folder = args.runs / args.study
    members = read_members(folder)
    if members:
        from analysis.report.joint_page import write_joint_report

        with contextlib.ExitStack() as stack:
            found = [(stack.enter_context(open_record(args, name)), name) for name in members]
            print(f"report: {write_joint_report(found, args.runs, (args.out or folder).absolute(), args.study)}")
        return 0
    with open_record(args, args.study) as records:
        print(f"report: {write_report(records, args.study, folder, (args.out or folder).absolute())}")
    return 0
