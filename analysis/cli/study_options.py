"""Options of the record to read and the folder to write, and opening that record."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path

from amc.cli.command import check_out_folder
from amc.errors import UserError
from analysis.record.connection.address import without_password
from analysis.record.reading import RecordReader, open_if_present

RUNS = Path("runs")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Where studies are, where to write, and the address of the record."""
    parser.add_argument(
        "--runs", type=Path, default=RUNS, metavar="DIR", help=f"folder of the studies (default: {RUNS})"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder to write to (default: the study's own)")
    parser.add_argument("--record", metavar="URL", help="address of the record (default: DIR/NAME/record.db)")


@contextlib.contextmanager
def open_record(args: argparse.Namespace, study: str) -> Iterator[RecordReader]:
    """Opens the record of a study for reading, without blocking a running study, and checks --out.

    Raises:
        UserError: no record at that address, or --out cannot be written.
    """
    if args.out is not None:
        check_out_folder(args.out)
    address = args.record or args.runs / study / "record.db"
    with open_if_present(address) as records:
        if records is None:
            raise UserError(f"no study record at {without_password(str(address))}: give --runs or --record")
        yield records
