"""Connections to the record's database: drivers and timeouts of a PostgreSQL server."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from amc.errors import UserError
from analysis.record.connection.address import database_url
from analysis.record.connection.database import MISSING_DRIVER, reading_engine, server_engine, writing_engine


@pytest.mark.parametrize("create", [reading_engine, writing_engine])
def test_a_missing_driver_is_one_line_with_the_command(
    create: Callable[[sa.URL], sa.Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UserError) as caught:
        create(database_url("postgresql://amc@dbhost/name"))
    assert str(caught.value) == MISSING_DRIVER
    assert "pip install 'psycopg[binary]" in MISSING_DRIVER


def test_parameters_of_the_address_take_precedence_over_our_timeouts() -> None:
    address = database_url("postgresql://amc@127.0.0.1:1/name?connect_timeout=7")
    seen: dict[str, object] = {}
    engine = server_engine(address)

    @sa.event.listens_for(engine, "do_connect")
    def look(_dialect: object, _record: object, _args: object, options: dict[str, object]) -> None:
        seen.update(options)

    with pytest.raises(sa.exc.OperationalError):
        engine.connect()
    assert (str(seen["connect_timeout"]), seen["keepalives_idle"]) == ("7", 30)
