from __future__ import annotations

import sys

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from amc.errors import UserError
from analysis.record.database import MISSING_DRIVER, server_engine, with_driver, without_password
from analysis.record.schema import connect, database_url

FAKE_HOST = "dbhost:5432"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://amc:secret@dbhost:5432/name", "postgresql://amc@dbhost:5432/name"),
        ("postgresql+psycopg://amc@dbhost/name", "postgresql+psycopg://amc@dbhost/name"),
        ("postgresql://:secret@dbhost/name", "postgresql://dbhost/name"),
        ("postgresql:///name?host=/run&user=amc&password=secret", "postgresql:///name?host=/run&user=amc&password="),
        ("postgresql://amc:sec@ret/a?b@dbhost/name", "postgresql://amc@dbhost/name"),
        ("mysql+pymysql://amc:secret@dbhost/name", "mysql+pymysql://amc@dbhost/name"),
        ("https://token@dbhost/mlflow", "https://dbhost/mlflow"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("sqlite:////runs/a:b@c/mlflow.db", "sqlite:////runs/a:b@c/mlflow.db"),
        ("/runs/record.db", "/runs/record.db"),
    ],
)
def test_an_address_as_it_may_be_shown(address: str, shown: str) -> None:
    assert without_password(address) == shown


@given(st.text(st.characters(codec="ascii", categories=("L", "N", "P")), min_size=4))
def test_no_password_is_ever_shown(password: str) -> None:
    secret = f"geheim{password}"
    shown = without_password(f"postgresql://amc:{secret}@{FAKE_HOST}/name")
    assert "geheim" not in shown
    assert shown.endswith(f"@{FAKE_HOST}/name")


def test_one_driver_serves_all_addresses_of_postgresql() -> None:
    for scheme in ("postgres", "postgresql", "postgresql+psycopg2", "postgresql+psycopg"):
        assert with_driver(f"{scheme}://amc@dbhost/name") == "postgresql+psycopg://amc@dbhost/name"
        assert database_url(f"{scheme}://amc@dbhost/name").drivername == "postgresql+psycopg"
    assert with_driver("http://dbhost") == "http://dbhost"


@pytest.mark.parametrize(
    "address", ["postgresql://amc:geheim@dbhost:port/name", "mysql://amc:geheim@dbhost/name", "geheim://", "://geheim"]
)
def test_what_is_no_address_of_a_record(address: str) -> None:
    with pytest.raises(UserError, match="no address of a study record: give a SQLite file, or such as postgresql://"):
        database_url(address)
    with pytest.raises(UserError) as caught:
        database_url(address)
    assert "amc:geheim" not in str(caught.value)


def test_a_missing_driver_is_one_line_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UserError) as caught:
        connect(database_url("postgresql://amc@dbhost/name"))
    assert str(caught.value) == MISSING_DRIVER
    assert "pip install 'psycopg[binary]" in MISSING_DRIVER


def test_what_the_address_says_goes_before_our_own_timeouts() -> None:
    address = database_url("postgresql://amc@127.0.0.1:1/name?connect_timeout=7")
    seen: dict[str, object] = {}
    engine = server_engine(address)

    @sa.event.listens_for(engine, "do_connect")
    def look(_dialect: object, _record: object, _args: object, options: dict[str, object]) -> None:
        seen.update(options)

    with pytest.raises(sa.exc.OperationalError):
        engine.connect()
    assert (str(seen["connect_timeout"]), seen["keepalives_idle"]) == ("7", 30)
