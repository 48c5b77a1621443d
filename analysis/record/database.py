"""Database addresses and servers: which driver serves them, what of them may be shown, and when one does not answer."""

from __future__ import annotations

import functools
import re
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

import sqlalchemy as sa

from amc.errors import UserError

DRIVER = "postgresql+psycopg"
MISSING_DRIVER = "no driver for PostgreSQL is installed: pip install 'psycopg[binary]>=3.2'"

# A host that vanished is given up after a minute, rather than after the two hours of TCP's own defaults.
_LIBPQ = {
    "connect_timeout": 10,  # seconds
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # milliseconds
}
_NO_PERMISSION = "42501"
_PLACE = re.compile(r"[^:@]*(:\d*)?|\[[^]@]*\](:\d*)?")  # host and port without a user
_SECRETS = re.compile(r"([?&](?:password|sslpassword|token)=)[^&]*", re.IGNORECASE)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # seconds

F = TypeVar("F", bound=Callable[..., Any])


class Client(Protocol):
    """Whatever talks to a database.

    Attributes:
        patience: seconds for which a server that does not answer is tried again.
    """

    address: sa.URL
    patience: float


def with_driver(address: str) -> str:
    """`address` with the one driver for PostgreSQL that this program uses; another database's as it is."""
    return re.sub(r"^postgres(ql)?(\+\w+)?://", f"{DRIVER}://", address)


def without_password(address: str | sa.URL) -> str:
    """An address as it may be shown, stored and used again: the password comes from PGPASSWORD or ~/.pgpass then."""
    text = address if isinstance(address, str) else address.render_as_string(hide_password=False)
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.startswith("sqlite"):
        return text
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if ":" in authority and not _PLACE.fullmatch(authority):
        # A password with an unquoted slash or question mark in it reaches to the last @.
        authority = rest.rpartition("@")[0] + "@" + re.split(r"[/?#]", rest.rpartition("@")[2], maxsplit=1)[0]
    path = rest.removeprefix(authority)
    user, at, host = authority.rpartition("@")
    # Of a web address the user alone may be a token.
    name = "" if scheme in ("http", "https") else user.partition(":")[0]
    return _SECRETS.sub(r"\1", f"{scheme}://{name}{at if name else ''}{host}{path}")


def server_engine(address: sa.URL, **pool: Any) -> sa.Engine:
    """An engine of a PostgreSQL server.

    Raises:
        ModuleNotFoundError: its driver is not installed.
    """
    # What the address itself says goes first.
    options = {name: value for name, value in _LIBPQ.items() if name not in address.query}
    return sa.create_engine(address, pool_pre_ping=True, connect_args=options, **pool)


def first_line(error: BaseException) -> str:
    """An error in a few words."""
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__


def answered(method: F) -> F:
    """A method of a `Client` that is one transaction, repeated with growing pauses while its database does not answer.

    Whether a transaction was committed is not known when the connection broke in it, so the method must be one that
    may be carried out twice. After `patience` seconds it is given up, and so is every later call at its first failure.

    Raises:
        UserError: in place of the driver's error.
    """

    @functools.wraps(method)
    def patient(self: Client, *args: Any, **kwargs: Any) -> Any:
        began: float | None = None
        pause = _FIRST_PAUSE
        while True:
            try:
                return method(self, *args, **kwargs)
            except sa.exc.DBAPIError as error:
                if not _troubled(error):
                    raise
                trouble: sa.exc.DBAPIError = error
            now = time.monotonic()
            shown = f"the study record {without_password(self.address)}"
            if began is None:
                began = now
                if self.patience > 0:
                    _say(f"{shown} does not answer ({first_line(_cause(trouble))}): trying for {self.patience:.0f} s")
            left = began + self.patience - now
            if left <= 0:
                self.patience = 0.0
                raise UserError(f"cannot use {shown} ({first_line(_cause(trouble))})") from trouble
            time.sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST_PAUSE)

    return cast("F", patient)


def _troubled(error: sa.exc.DBAPIError) -> bool:
    """Whether the database is in trouble, rather than this program wrong."""
    kinds = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError)
    state = getattr(error.orig, "sqlstate", None)
    return isinstance(error, kinds) or error.connection_invalidated or state == _NO_PERMISSION


def _cause(error: sa.exc.DBAPIError) -> BaseException:
    return error.orig or error


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
