"""The tables of the study record, and the check that a database has them.

A change of the tables has a larger `SCHEMA_VERSION` and a step in `upgrading`: writers upgrade a record of an earlier
version, readers read it as it is. A record of a version that is not in `VERSIONS` is an error.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.sql import quoted_name

from amc.errors import UserError, first_line
from analysis.record.connection.address import without_password

SCHEMA_VERSION = 4
VERSIONS = (3, SCHEMA_VERSION)  # that can be read; each earlier one can be upgraded

VALUES = quoted_name("values", True)  # an SQL keyword, which some databases accept as a column name only in quotes

metadata = sa.MetaData()

schema_table = sa.Table("amc_schema", metadata, sa.Column("version", sa.Integer, primary_key=True, autoincrement=False))

study_table = sa.Table(
    "study",
    metadata,
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("uid", sa.String(32), nullable=False),  # random; distinguishes studies of the same name
    sa.Column("kind", sa.String(40), nullable=False),  # search, table4, ...
    sa.Column("preset", sa.String(40), nullable=False),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("dataset", sa.Text, nullable=False),  # this and the next four columns are JSON
    sa.Column("config", sa.Text, nullable=False),  # the configuration that trials modify
    sa.Column("space", sa.Text, nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("versions", sa.Text, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("goal", sa.Text, nullable=False),  # JSON: objectives and constraints; see `tuning.search.goal`
)

trial_table = sa.Table(
    "trial",
    metadata,
    sa.Column("study", sa.String(200), sa.ForeignKey("study.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.String(100), primary_key=True),
    sa.Column("role", sa.String(20), nullable=False),  # trial or confirm
    sa.Column("number", sa.Integer, nullable=False),  # from 0 within its role
    sa.Column("parent", sa.String(100)),  # for a confirming run: key of the trial whose configuration it uses
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("params", sa.Text, nullable=False),  # JSON: the sampled parameters by dotted name
    sa.Column("config", sa.Text, nullable=False),  # JSON: the complete configuration
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("budget", sa.Integer, nullable=False),  # steps
    sa.Column("step", sa.Integer, nullable=False, default=0),  # of the last report
    sa.Column("value", sa.Float),  # the objective at the last report
    sa.Column("scores", sa.Text, nullable=False, default="{}"),  # JSON: test scores, measured once at the end
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("stalls", sa.Integer, nullable=False, default=0),  # consecutive attempts that died without a report
    sa.Column("seconds", sa.Float, nullable=False, default=0.0),  # summed over all attempts
    sa.Column("reason", sa.Text, nullable=False, default=""),  # why it failed or was last interrupted
    sa.Column("mlflow_run_id", sa.String(64)),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("started", sa.Float),  # when the current or last attempt started
    sa.Column("ended", sa.Float),
    sa.Column(
        VALUES, sa.Text, nullable=False, default="{}"
    ),  # JSON: objectives at the last report, in order, and the log-likelihood
    sa.Column("violation", sa.Float),  # of the constraints at the last report, 0 if all hold; null without constraints
    sa.Column("alone", sa.Boolean, nullable=False, default=False),  # ran out of memory; run it alone on a device
    sa.UniqueConstraint("study", "role", "number"),
)

point_table = sa.Table(
    "point",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),  # in order of arrival
    sa.Column("study", sa.String(200), nullable=False),
    sa.Column("key", sa.String(100), nullable=False),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("timestamp", sa.BigInteger, nullable=False),  # milliseconds; identifies duplicates in MLflow
    sa.Column("value", sa.Float),  # the first objective
    sa.Column("metrics", sa.Text, nullable=False),  # JSON
    sa.Column(VALUES, sa.Text, nullable=False, default="{}"),  # JSON: all objectives, in order, and the log-likelihood
    sa.Column("violation", sa.Float),
    sa.UniqueConstraint("study", "key", "step"),
    sa.ForeignKeyConstraint(["study", "key"], ["trial.study", "trial.key"], ondelete="CASCADE"),
)

projection_table = sa.Table(
    "projection",  # what has been copied to MLflow
    metadata,
    sa.Column("study", sa.String(200), sa.ForeignKey("study.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("target", sa.String(500), primary_key=True),  # address of the MLflow store
    sa.Column("key", sa.String(100), primary_key=True),  # of the trial; "" for the study's own run
    sa.Column("run_id", sa.String(64), nullable=False),
    sa.Column("cursor", sa.Integer, nullable=False, default=0),  # id of the last point copied
    sa.Column("described", sa.Boolean, nullable=False, default=False),  # parameters have been copied
    sa.Column("pictured", sa.Boolean, nullable=False, default=False),  # sample clips have been copied
    sa.Column("status", sa.String(20), nullable=False, default=""),  # the last run status written
    sa.Column("scored", sa.Float, nullable=False, default=0.0),  # `created` of the score sheet copied; 0 for none
)

sheet_table = sa.Table(
    "sheet",  # score sheets; see `amc.evaluation.score_sheet`
    metadata,
    sa.Column("study", sa.String(200), sa.ForeignKey("study.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.String(100), primary_key=True),  # of the trial, or of a reference of the study
    sa.Column("scorer", sa.String(64), nullable=False),  # digest of everything that determines the scores
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("content", sa.Text, nullable=False),  # JSON
)

imported_table = sa.Table(
    "imported",  # ended trials of another study, for a warm start
    metadata,
    sa.Column("study", sa.String(200), sa.ForeignKey("study.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("source", sa.String(200), primary_key=True),  # name of the other study
    sa.Column("key", sa.String(100), primary_key=True),  # of the trial in that study
    sa.Column("source_uid", sa.String(32), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("preset", sa.String(40), nullable=False),
    sa.Column("dataset", sa.Text, nullable=False),  # JSON
    sa.Column("config", sa.Text, nullable=False),  # JSON: the complete configuration
    sa.Column("budget", sa.Integer, nullable=False),
    sa.Column("curve", sa.Text, nullable=False),  # JSON: [step, metrics] for each report
)

command_table = sa.Table(
    "command",  # by which a person steers a running study; see `tuning.engine.steering`
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),  # in order of arrival
    sa.Column("uid", sa.String(32), nullable=False, unique=True),  # random; keeps a retry from adding it twice
    sa.Column("study", sa.String(200), sa.ForeignKey("study.name", ondelete="CASCADE"), nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("author", sa.String(200), nullable=False),  # user@host
    sa.Column("kind", sa.String(40), nullable=False),  # stop-trial, pause, ...
    sa.Column("arguments", sa.Text, nullable=False),  # JSON
    sa.Column("taken", sa.Float),  # when the study's driver took it; null while it is pending
    sa.Column("outcome", sa.String(20), nullable=False, default=""),  # done or refused
    sa.Column("message", sa.Text, nullable=False, default=""),  # what it did, or why it was refused
)


def check_schema(engine: sa.Engine, address: sa.URL) -> None:
    """Checks that a database is a study record of a schema version that this program reads.

    Raises:
        UserError: it cannot be read, is not a study record, or has a version that is not in `VERSIONS`.
    """
    shown = without_password(address)
    try:
        tables = sa.inspect(engine).get_table_names()
        if schema_table.name not in tables:
            raise UserError(f"{shown} is not a study record: it has no table {schema_table.name}")
        with engine.connect() as connection:
            version = schema_version(connection)
    except sa.exc.DBAPIError as error:
        raise UserError(f"cannot read the study record {shown}: {first_line(error.orig or error)}") from error
    if version not in VERSIONS:
        raise UserError(
            f"the study record {shown} has schema version {version}, this program reads versions "
            f"{VERSIONS[0]} to {VERSIONS[-1]}: "
            "use the version of the program that wrote it, or give another --study or --record"
        )


def schema_version(connection: sa.Connection) -> int | None:
    """The schema version of a record; None if its table of versions is empty."""
    version: int | None = connection.execute(sa.select(schema_table.c.version)).scalar()
    return version
