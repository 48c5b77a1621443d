"""Upgrades a record of an earlier schema version, with Alembic's operations.

The version is stored in the record's own table instead of Alembic's `alembic_version`, because a PostgreSQL database
may also hold an MLflow store, which uses that one. Each step states its tables as they were at its version: `schema`
may have changed since.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from analysis.record.schema import SCHEMA_VERSION, schema_table


def upgrade(connection: sa.Connection, version: int) -> None:
    """Brings a record from `version` to `SCHEMA_VERSION`, within the caller's transaction; only adds to it."""
    operations = Operations(MigrationContext.configure(connection))
    for step in range(version, SCHEMA_VERSION):
        _STEPS[step](operations)
    connection.execute(sa.update(schema_table).values(version=SCHEMA_VERSION))


def _add_commands(operations: Operations) -> None:
    operations.create_table(
        "command",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("uid", sa.String(32), nullable=False, unique=True),
        sa.Column("study", sa.String(200), sa.ForeignKey("study.name", ondelete="CASCADE"), nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("author", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("arguments", sa.Text, nullable=False),
        sa.Column("taken", sa.Float),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
    )


_STEPS: dict[int, Callable[[Operations], None]] = {3: _add_commands}  # by the version that they start from
