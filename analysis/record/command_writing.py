"""Writes the commands by which a person steers a running study: the person's command adds a row, the driver takes it.

What a command changes in the record is changed in the transaction that marks it as taken. So whichever process is
killed at whatever moment, a command is pending or has had its effect once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from analysis.record.connection.database import retry_while_unreachable
from analysis.record.json_columns import command_row, dumps
from analysis.record.rows import CommandRow
from analysis.record.schema import command_table
from analysis.record.writable import WritableRecord, insert_if_new, storable

Effect = Callable[[sa.Connection], None]
"""What a command changes in the record: statements in the transaction that marks it as taken."""


class CommandWriter(WritableRecord):
    """Adds commands to a study, and takes them."""

    @retry_while_unreachable
    def add_command(self, study: str, uid: str, author: str, kind: str, arguments: Mapping[str, Any]) -> CommandRow:
        """Adds a pending command and returns it; one with the same uid is left unchanged.

        Args:
            study: its name.
            uid: random, 32 characters.
            author: user@host.
            kind: see `tuning.engine.steering`.
            arguments: as JSON values.
        """
        values = {"uid": uid, "study": study, "created": time.time(), "author": storable(author)[:200], "kind": kind}
        values |= {"arguments": dumps(arguments), "outcome": "", "message": ""}
        table = command_table
        with self._write() as connection:
            connection.execute(insert_if_new(connection, table, [table.c.uid]).values(values))
            row = connection.execute(sa.select(table).where(table.c.uid == uid)).mappings().one()
        return command_row(row)

    @retry_while_unreachable
    def take_command(self, command_id: int, outcome: str, message: str, effect: Effect = lambda _: None) -> CommandRow:
        """Marks a pending command as taken, with its effect; returns the command. One that was taken is unchanged.

        Args:
            command_id: its id.
            outcome: done or refused.
            message: what it did, or why it was refused.
            effect: see `Effect`.
        """
        table = command_table
        this = table.c.id == command_id
        changes = {"taken": time.time(), "outcome": outcome, "message": storable(message)}
        with self._write() as connection:
            row = connection.execute(sa.select(table).where(this).with_for_update()).mappings().one()
            if row["taken"] is None:
                effect(connection)
                connection.execute(sa.update(table).where(this).values(changes))
                row = connection.execute(sa.select(table).where(this)).mappings().one()
        return command_row(row)
