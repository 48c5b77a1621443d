"""How a record of an earlier schema becomes one of this program's: a row of data for every version.

A migration says in its own words what it adds, since the tables of `analysis.record.schema` are the newest ones and go
on changing. All that are needed run in one transaction, so a record is of one version or of another, never between.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.sql import quoted_name

Fill = Callable[[sa.Connection], None]


@dataclass(frozen=True)
class Migration:
    """What makes a record of schema `version` out of one of the version before.

    Attributes:
        columns: added, by table; those that may not be null have a server default.
        tables: created, with just the columns and keys that this version gave them.
        fill: computes the content of what was added.
    """

    version: int
    columns: Mapping[str, tuple[Callable[[], sa.Column[object]], ...]]
    tables: Callable[[sa.MetaData], None]
    fill: Fill


def migrate(connection: sa.Connection, version: int) -> int:
    """Brings the record from `version` to the newest, in the connection's transaction; returns that."""
    for migration in MIGRATIONS:
        if migration.version <= version:
            continue
        for table, columns in migration.columns.items():
            for column in columns:
                _add(connection, table, column())
        metadata = sa.MetaData()
        metadata.reflect(connection, only=["study"])  # for foreign keys
        known = set(metadata.tables)
        migration.tables(metadata)
        metadata.create_all(connection, [table for name, table in metadata.tables.items() if name not in known])
        migration.fill(connection)
        connection.exec_driver_sql(f"UPDATE amc_schema SET version = {migration.version}")
        version = migration.version
    return version


def _add(connection: sa.Connection, table: str, column: sa.Column[object]) -> None:
    sa.Table(table, sa.MetaData(), column)  # a column's definition can be rendered once it is a table's
    definition = sa.schema.CreateColumn(column).compile(dialect=connection.dialect)
    connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {definition}")


# Version 2: several objectives and constraints, warm starts, and attempts that run alone.


def _values() -> sa.Column[object]:
    return sa.Column(quoted_name("values", True), sa.Text, nullable=False, server_default="{}")


def _violation() -> sa.Column[object]:
    return sa.Column("violation", sa.Float)


def _alone() -> sa.Column[object]:
    return sa.Column("alone", sa.Boolean, nullable=False, server_default=sa.false())


def _goal() -> sa.Column[object]:
    accuracy = '{"constraints": [], "objectives": ["accuracy"]}'
    return sa.Column("goal", sa.Text, nullable=False, server_default=accuracy)


def _imported(metadata: sa.MetaData) -> None:
    sa.Table(
        "imported",
        metadata,
        sa.Column("study", sa.String(200), sa.ForeignKey("study.name", ondelete="CASCADE"), primary_key=True),
        sa.Column("source", sa.String(200), primary_key=True),
        sa.Column("key", sa.String(100), primary_key=True),
        sa.Column("source_uid", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("preset", sa.String(40), nullable=False),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("config", sa.Text, nullable=False),
        sa.Column("budget", sa.Integer, nullable=False),
        sa.Column("curve", sa.Text, nullable=False),
    )


def _values_of_one_objective(connection: sa.Connection) -> None:
    """A record of version 1 has one objective, in `value` alone."""
    text = quoted_name("values", True)
    for name, keys in (("trial", ("study", "key")), ("point", ("id",))):
        columns: list[sa.ColumnClause[object]] = [sa.column(key) for key in keys]
        table = sa.table(name, *columns, sa.column("value"), sa.column(text))
        scored = connection.execute(sa.select(*columns, table.c.value)).all()
        match = sa.and_(*(column == sa.bindparam(f"at_{column.name}") for column in columns))
        rows = [
            {f"at_{key}": place for key, place in zip(keys, row[:-1], strict=True)}
            | {"made": json.dumps({"val/accuracy": row[-1]})}
            for row in scored
            # Before its first report a trial has no values; a report has one, if only that it was no number.
            if name == "point" or row[-1] is not None
        ]
        if rows:
            connection.execute(sa.update(table).where(match).values({text: sa.bindparam("made")}), rows)


# Version 3: score sheets, and which of them the tracker has copied.


def _scored() -> sa.Column[object]:
    return sa.Column("scored", sa.Float, nullable=False, server_default="0")


def _sheet(metadata: sa.MetaData) -> None:
    sa.Table(
        "sheet",
        metadata,
        sa.Column("study", sa.String(200), sa.ForeignKey("study.name", ondelete="CASCADE"), primary_key=True),
        sa.Column("key", sa.String(100), primary_key=True),
        sa.Column("scorer", sa.String(64), nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
    )


def _nothing(_: sa.Connection) -> None:
    """What was added begins empty."""


MIGRATIONS = (
    Migration(
        version=2,
        columns={"study": (_goal,), "trial": (_values, _violation, _alone), "point": (_values, _violation)},
        tables=_imported,
        fill=_values_of_one_objective,
    ),
    Migration(version=3, columns={"projection": (_scored,)}, tables=_sheet, fill=_nothing),
)
