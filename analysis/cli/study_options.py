"""Options that say which record to read and where to write, and the record that they name."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path

from amc.errors import UserError
from analysis.record.address import without_password
from analysis.record.reading import RecordReader, open_if_present

RUNS = Path("runs")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Where studies are, where to write, and the address of the record."""
    parser.add_argument(
        "--runs", type=Path, default=RUNS, metavar="DIR", help=f"folder of the studies (default: {RUNS})"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder to write to (default: the study's own)")
    parser.add_argument("--record", metavar="URL", help="address of the record (default: DIR/NAME/record.db)")


def check_out(args: argparse.Namespace) -> None:
    """Refuses an --out that is a file.

    Raises:
        UserError: it is one.
    """
    if args.out is not None and args.out.exists() and not args.out.is_dir():
        raise UserError(f"--out {args.out} is not a folder")


@contextlib.contextmanager
def open_record(args: argparse.Namespace, study: str) -> Iterator[RecordReader]:
    """The record of a study, for reading; a running study is not held up.

    Raises:
        UserError: no record at that address.
    """
    address = args.record or args.runs / study / "record.db"
    with open_if_present(address) as records:
        if records is None:
            raise UserError(f"no study record at {without_password(str(address))}: give --runs or --record")
        yield records
