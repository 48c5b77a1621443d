"""What the commands on existing studies share: the options that name a study, its record, and whether it is running."""

from __future__ import annotations

import argparse
from pathlib import Path

import sqlalchemy as sa

from amc.errors import UserError, first_line
from analysis.record.connection.address import sqlite_path, without_password
from analysis.record.connection.lock import lock_holder, record_lock_path
from analysis.record.connection.server_lock import server_lock_holder
from analysis.record.reading import RecordReader


def add_study_options(parser: argparse.ArgumentParser, *, study: bool = True, json: bool = True) -> None:
    """Adds the name of the study and the options `--out`, `--record` and `--json`."""
    if study:
        parser.add_argument("study", metavar="STUDY", help="name of the study")
    parser.add_argument(
        "--out", type=Path, default=Path("runs"), metavar="DIR", help="folder of the studies (default: runs)"
    )
    parser.add_argument(
        "--record", metavar="URL", help="SQLAlchemy URL of the study record (default: DIR/STUDY/record.db)"
    )
    if json:
        parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def record_address(args: argparse.Namespace) -> str | Path:
    """The address of the study's record.

    Raises:
        UserError: there is no such study in --out.
    """
    path: str | Path = args.record or args.out / args.study / "record.db"
    if args.record is None and not Path(path).is_file():
        known = ", ".join(sorted(found.parent.name for found in args.out.glob("*/record.db")))
        raise UserError(f"no study {args.study!r} in {args.out}; studies there: {known or 'none'}")
    return path


def running(records: RecordReader, study: str, out: Path) -> bool:
    """Whether a process holds the lock of the study: of its folder here, or of its record, from any machine.

    Raises:
        UserError: the database server does not respond.
    """
    if lock_holder(out / study / ".lock") is not None:
        return True
    path = sqlite_path(records.address)
    if path is not None:
        return lock_holder(record_lock_path(path, study)) is not None
    try:
        return server_lock_holder(records.engine, study) is not None
    except sa.exc.DBAPIError as error:
        shown, reason = without_password(records.address), first_line(error.orig or error)
        raise UserError(f"cannot use the study record {shown} ({reason})") from error
