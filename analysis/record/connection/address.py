"""Addresses of databases: parsing them, and showing them without their password."""

from __future__ import annotations

import re
from pathlib import Path

import sqlalchemy as sa

from amc.errors import UserError

DRIVER = "postgresql+psycopg"

_HOST_AND_PORT = re.compile(r"[^:@]*(:\d*)?|\[[^]@]*\](:\d*)?")
_SECRETS = re.compile(r"([?&](?:password|sslpassword|token)=)[^&]*", re.IGNORECASE)


def database_url(address: str | Path) -> sa.URL:
    """Parses the address of a study record; a path means a SQLite file.

    Raises:
        UserError: it is neither a path nor the address of a SQLite or PostgreSQL database.
    """
    text = str(address)
    if "://" not in text:
        return sa.URL.create("sqlite", database=str(Path(text).expanduser().absolute()))
    try:
        url = sa.make_url(with_driver(text))
    except (sa.exc.ArgumentError, ValueError):  # ValueError: the port is not a number
        url = None
    in_memory = url is not None and url.get_backend_name() == "sqlite" and not url.database
    if url is None or in_memory or url.get_backend_name() not in ("sqlite", "postgresql"):
        raise UserError(
            f"{without_password(text)!r} is not the address of a study record: "
            "give a SQLite file or an address like postgresql://user@host:5432/name"
        )
    return url


def sqlite_path(address: sa.URL) -> Path | None:
    """The file of a SQLite database; None for a database server."""
    return Path(address.database) if address.get_backend_name() == "sqlite" and address.database else None


def with_driver(address: str) -> str:
    """Adds this program's PostgreSQL driver to the address; other databases' addresses are returned unchanged."""
    return re.sub(r"^postgres(ql)?(\+\w+)?://", f"{DRIVER}://", address)


def without_password(address: str | sa.URL) -> str:
    """Removes the password and other secrets, so that the address can be printed and stored.

    The result still works as an address if the password is in PGPASSWORD or ~/.pgpass.
    """
    text = address if isinstance(address, str) else address.render_as_string(hide_password=False)
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.startswith("sqlite"):
        return text
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if ":" in authority and not _HOST_AND_PORT.fullmatch(authority):
        # A password may contain an unquoted slash or question mark, so it ends at the last @.
        authority = rest.rpartition("@")[0] + "@" + re.split(r"[/?#]", rest.rpartition("@")[2], maxsplit=1)[0]
    path = rest.removeprefix(authority)
    user, at, host = authority.rpartition("@")
    # In a web address the user name itself may be a token.
    name = "" if scheme in ("http", "https") else user.partition(":")[0]
    return _SECRETS.sub(r"\1", f"{scheme}://{name}{at if name else ''}{host}{path}")
