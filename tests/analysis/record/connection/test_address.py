"""Addresses of databases: parsing, and never showing a password."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amc.errors import UserError
from analysis.record.connection.address import database_url, with_driver, without_password

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
def test_an_address_is_shown_without_its_secrets(address: str, shown: str) -> None:
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
    "address",
    [
        "postgresql://amc:geheim@dbhost:port/name",
        "mysql://amc:geheim@dbhost/name",
        "geheim://",
        "://geheim",
        "sqlite://",
        "sqlite:///",
    ],
)
def test_other_addresses_are_refused_without_showing_a_password(address: str) -> None:
    with pytest.raises(UserError, match="is not the address of a study record: give a SQLite file"):
        database_url(address)
    with pytest.raises(UserError) as caught:
        database_url(address)
    assert "amc:geheim" not in str(caught.value)
