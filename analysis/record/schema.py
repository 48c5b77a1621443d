"""The schema of the study record, and the way to the database that it is in.

The next change of the schema is an Alembic revision (Alembic comes with MLflow) and a larger `SCHEMA_VERSION`; until
then a record of another version is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import quoted_name

from amc.errors import UserError
from analysis.record.database import MISSING_DRIVER, first_line, server_engine, with_driver, without_password

SCHEMA_VERSION = 3
WRITES = "amc_writes"  # execution option of a connection that is going to write

VALUES = quoted_name("values", True)  # a word of SQL: not every database takes it as a name unquoted

metadata = sa.MetaData()

schema_table = sa.Table("amc_schema", metadata, sa.Column("version", sa.Integer, primary_key=True, autoincrement=False))

study_table = sa.Table(
    "study",
    metadata,
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("uid", sa.String(32), nullable=False),  # tells two studies of one name apart, wherever it was copied to
    sa.Column("kind", sa.String(40), nullable=False),  # search, table4, ...
    sa.Column("preset", sa.String(40), nullable=False),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("dataset", sa.Text, nullable=False),  # the rest of these are JSON
    sa.Column("config", sa.Text, nullable=False),  # the configuration that trials start from
    sa.Column("space", sa.Text, nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("versions", sa.Text, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("goal", sa.Text, nullable=False),  # JSON: objectives and constraints, `tuning.search.goal`
)

trial_table = sa.Table(
    "trial",
    metadata,
    sa.Column("study", sa.String(200), sa.ForeignKey("study.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.String(100), primary_key=True),
    sa.Column("role", sa.String(20), nullable=False),  # trial or confirm
    sa.Column("number", sa.Integer, nullable=False),  # from 0 within its role
    sa.Column("parent", sa.String(100)),  # of a confirming run: the trial whose configuration it repeats
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("params", sa.Text, nullable=False),  # JSON: dotted names that were chosen
    sa.Column("config", sa.Text, nullable=False),  # JSON: the complete configuration
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("budget", sa.Integer, nullable=False),  # steps
    sa.Column("step", sa.Integer, nullable=False, default=0),  # of the last report
    sa.Column("value", sa.Float),  # the objective at the last report
    sa.Column("scores", sa.Text, nullable=False, default="{}"),  # JSON: measured once at the end, on the test split
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("stalls", sa.Integer, nullable=False, default=0),  # attempts lost one after the other without a report
    sa.Column("seconds", sa.Float, nullable=False, default=0.0),  # over all attempts
    sa.Column("reason", sa.Text, nullable=False, default=""),  # why it failed, or was last interrupted
    sa.Column("mlflow_run_id", sa.String(64)),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("started", sa.Float),  # the running attempt, or the last one
    sa.Column("ended", sa.Float),
    sa.Column(
        VALUES, sa.Text, nullable=False, default="{}"
    ),  # JSON: every objective at the last report, in their order
    sa.Column("violation", sa.Float),  # of the constraints at the last report, 0 if all hold; null without any
    sa.Column("alone", sa.Boolean, nullable=False, default=False),  # ran out of memory: next on a device of its own
    sa.UniqueConstraint("study", "role", "number"),
)

point_table = sa.Table(
    "point",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),  # grows with the order of arrival
    sa.Column("study", sa.String(200), nullable=False),
    sa.Column("key", sa.String(100), nullable=False),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("timestamp", sa.BigInteger, nullable=False),  # milliseconds; the tracker's too, so nothing counts twice
    sa.Column("value", sa.Float),  # the objective: the one metric that is read again at every decision
    sa.Column("metrics", sa.Text, nullable=False),  # JSON
    sa.Column(VALUES, sa.Text, nullable=False, default="{}"),  # as a trial's
    sa.Column("violation", sa.Float),
    sa.UniqueConstraint("study", "key", "step"),
    sa.ForeignKeyConstraint(["study", "key"], ["trial.study", "trial.key"], ondelete="CASCADE"),
)

projection_table = sa.Table(
    "projection",
    metadata,
    sa.Column("study", sa.String(200), sa.ForeignKey("study.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("target", sa.String(500), primary_key=True),  # the tracking store's address
    sa.Column("key", sa.String(100), primary_key=True),  # the trial's; "" for the study's own run
    sa.Column("run_id", sa.String(64), nullable=False),
    sa.Column("cursor", sa.Integer, nullable=False, default=0),  # id of the last point that arrived
    sa.Column("described", sa.Boolean, nullable=False, default=False),  # parameters are there
    sa.Column("pictured", sa.Boolean, nullable=False, default=False),  # sample clips are there
    sa.Column("status", sa.String(20), nullable=False, default=""),  # the last one written there
    sa.Column("scored", sa.Float, nullable=False, default=0.0),  # when the sheet was made whose scores are there
)

sheet_table = sa.Table(
    "sheet",  # what was measured on the test split: `amc.evaluation.score_sheet`
    metadata,
    sa.Column("study", sa.String(200), sa.ForeignKey("study.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.String(100), primary_key=True),  # the trial's, or one of the study's own references
    sa.Column("scorer", sa.String(64), nullable=False),  # digest of all that decides what is measured and how
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("content", sa.Text, nullable=False),  # JSON
)

imported_table = sa.Table(
    "imported",  # ended trials of another study that this one learns from
    metadata,
    sa.Column("study", sa.String(200), sa.ForeignKey("study.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("source", sa.String(200), primary_key=True),  # the other study's name
    sa.Column("key", sa.String(100), primary_key=True),  # of the trial there
    sa.Column("source_uid", sa.String(32), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("preset", sa.String(40), nullable=False),
    sa.Column("dataset", sa.Text, nullable=False),  # JSON: as the other study's
    sa.Column("config", sa.Text, nullable=False),  # JSON: the complete configuration
    sa.Column("budget", sa.Integer, nullable=False),
    sa.Column("curve", sa.Text, nullable=False),  # JSON: [step, metrics] of every report
)


def database_url(address: str | Path) -> sa.URL:
    """`address` as SQLAlchemy has it; a path stands for a SQLite file.

    Raises:
        UserError: neither a path nor the address of a SQLite or PostgreSQL database.
    """
    text = str(address)
    if "://" not in text:
        return sa.URL.create("sqlite", database=str(Path(text).expanduser().absolute()))
    try:
        url = sa.make_url(with_driver(text))
    except (sa.exc.ArgumentError, ValueError):  # also of a port that is no number
        url = None
    if url is None or url.get_backend_name() not in ("sqlite", "postgresql"):
        raise UserError(
            f"{without_password(text)!r} is no address of a study record: "
            "give a SQLite file, or such as postgresql://user@host:5432/name"
        )
    return url


def connect(address: sa.URL) -> sa.Engine:
    """An engine for a record; nothing is created or checked yet.

    Raises:
        UserError: the database's driver is not installed.
    """
    try:
        if address.get_backend_name() != "sqlite":
            return server_engine(address)
    except ModuleNotFoundError as error:
        raise UserError(MISSING_DRIVER) from error
    engine = sa.create_engine(address, connect_args={"timeout": 30})

    def prepare(connection: Any, _: object) -> None:
        # The driver's own notion of when a transaction begins leaves out CREATE TABLE; ours leaves out nothing.
        connection.isolation_level = None
        cursor = connection.cursor()
        # A rollback journal, not WAL: WAL breaks on network file systems. What is committed is with the operating
        # system, so a killed process loses nothing; NORMAL leaves only a power cut a chance, at half the time.
        cursor.execute("PRAGMA journal_mode=PERSIST")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    def begin(connection: sa.Connection) -> None:
        # A writer that began as a reader could be refused the lock in the middle.
        writes = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    sa.event.listen(engine, "connect", prepare)
    sa.event.listen(engine, "begin", begin)
    return engine


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction that writes: all of it is there afterwards, or nothing."""
    with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        yield connection


def filled(address: sa.URL) -> bool:
    """Whether there is a database with tables at all, whosesoever.

    Raises:
        UserError: it can't be read.
    """
    path = sqlite_path(address)
    if path is not None and not path.is_file():
        return False
    engine = connect(address)
    try:
        return bool(sa.inspect(engine).get_table_names())
    except sa.exc.DBAPIError as error:
        shown = without_password(address)
        raise UserError(f"cannot read the study record {shown}: {first_line(error.orig or error)}") from error
    finally:
        engine.dispose()


def check_schema(engine: sa.Engine, address: sa.URL) -> None:
    """Checks that a database is a study record of this program's schema version.

    Raises:
        UserError: it is no database, has no record's tables, or is of another schema version.
    """
    shown = without_password(address)
    try:
        tables = sa.inspect(engine).get_table_names()
        if schema_table.name not in tables:
            raise UserError(f"{shown} is no study record: it has no table {schema_table.name}")
        with engine.connect() as connection:
            version = connection.execute(sa.select(schema_table.c.version)).scalar()
    except sa.exc.DBAPIError as error:
        raise UserError(f"cannot read the study record {shown}: {first_line(error.orig or error)}") from error
    if version != SCHEMA_VERSION:
        raise UserError(
            f"the study record {shown} has schema version {version}, this program reads version {SCHEMA_VERSION}: "
            "use the version of the program that wrote it, or give another --study or --record"
        )


def sqlite_path(address: sa.URL) -> Path | None:
    """The file of a SQLite database; None for a server's."""
    return Path(address.database) if address.get_backend_name() == "sqlite" and address.database else None
