"""HTTP as a download needs it: what a server says of a file, and the file's bytes from some place on."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPMessage
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urljoin, urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from amc.errors import UserError

_TIMEOUT = 30.0  # seconds in which a server must answer or send something
_PASSING = (408, 425, 429, 500, 502, 503, 504)  # answers that another attempt may mend
_NO_HEAD = (400, 403, 405, 501)  # answers of servers that give a file but don't like to be asked about it


class Cut(Exception):
    """Something that another attempt may mend; the message is the reason."""


class PastEnd(Cut):
    """The server's file is no longer than the bytes that were to be left out."""


class Missing(UserError):
    """The server does not give that file."""


@dataclass(frozen=True)
class Answer:
    """What a server says of a file.

    Attributes:
        size: bytes of the whole file; None where it does not say.
        version: a strong ETag, else the date of the last change, as `If-Range` takes them; None without either.
        start: the first byte that it sends.
        chunked: the transfer itself tells where it ends.
    """

    size: int | None
    version: str | None
    start: int = 0
    chunked: bool = False


class _Redirects(HTTPRedirectHandler):
    """Follows a few redirects within http and https; HEAD stays HEAD."""

    max_redirections = 5

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        target = urljoin(req.full_url, newurl)
        if urlsplit(target).scheme not in ("http", "https"):
            fp.close()
            raise UserError(f"{req.full_url}: redirected to {target}, and only http and https are followed")
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        if new is not None:
            new.method = req.get_method()
        return new


def opener() -> OpenerDirector:
    """What opens http and https addresses, through the environment's proxy where there is one, and no others."""
    director = OpenerDirector()
    for handler in (
        ProxyHandler(),
        HTTPHandler(),
        HTTPSHandler(),
        _Redirects(),
        HTTPErrorProcessor(),
        HTTPDefaultErrorHandler(),
    ):
        director.add_handler(handler)
    return director


def base_address(url: str) -> str:
    """A folder's address, with the slash at its end.

    Raises:
        UserError: it is no http or https address.
    """
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        fits = False
    if not fits or not url.isascii() or re.search(r"[\s\x00-\x1f\x7f?#]", url):
        raise UserError(f"{url!r} is no address of a folder to download from: give http://HOST/FOLDER/ or https://…")
    return url.rstrip("/") + "/"


def ask(director: OpenerDirector, url: str) -> Answer:
    """What the server says of a file before it is sent; nothing where it does not like to be asked.

    Raises:
        Cut: it may be worth another attempt.
        UserError: there is no such file, or no way to it.
    """
    with _open(director, "HEAD", url, {}) as response:
        if response is None:
            return Answer(None, None)
        return Answer(_length(response.headers), _version(response.headers))


@contextmanager
def sent(director: OpenerDirector, url: str, start: int, version: str | None) -> Iterator[tuple[Answer, Any]]:
    """A file's answer and its bytes to be read, from `start` on where the server can and the file is that version.

    The answer's `start` says where the bytes begin: 0 where the server sends the whole file. What reading raises is a
    `Cut`, too; the caller explains its own failures to write.

    Raises:
        Cut: it may be worth another attempt.
        UserError: there is no such file, no way to it, or an answer that can't be used.
    """
    headers = {"Range": f"bytes={start}-"} if start else {}
    if start and version:
        headers["If-Range"] = version
    with _open(director, "GET", url, headers) as response:
        assert response is not None
        told = response.headers
        if told.get("Content-Encoding", "identity") != "identity":
            raise UserError(f"{url}: the server sends it packed ({told['Content-Encoding']}), which was not asked for")
        chunked = "chunked" in told.get("Transfer-Encoding", "").lower()
        if response.status == 206:
            span = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", told.get("Content-Range", "").strip())
            if span is None or int(span[1]) != start:
                raise Cut(f"the server sent another part than was asked for ({told.get('Content-Range')})")
            size = None if span[3] == "*" else int(span[3])
            yield Answer(size, _version(told), start, chunked), response
        else:
            yield Answer(_length(told), _version(told), 0, chunked), response


@contextmanager
def _open(director: OpenerDirector, method: str, url: str, headers: Mapping[str, str]) -> Iterator[Any]:
    """The response; None where HEAD is not served."""
    request = Request(url, headers={"User-Agent": "amc-gan", **headers}, method=method)
    try:
        with director.open(request, timeout=_TIMEOUT) as response:
            yield response
    except HTTPError as error:
        with error:
            if method == "HEAD" and error.code in _NO_HEAD:
                yield None
                return
            said = f"the server answers {error.code} {error.reason}".strip()
        if error.code in (404, 410):
            raise Missing(f"{url}: there is no such file ({said}); give another address") from error
        if error.code == 416:
            raise PastEnd(said) from error
        if error.code in _PASSING:
            raise Cut(said) from error
        # Some servers say 403 of what they don't have.
        raise (Missing if error.code == 403 else UserError)(f"{url}: {said}") from error
    except URLError as error:
        reason = error.reason
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise UserError(f"{url}: its certificate does not hold: {reason.verify_message}") from error
        raise Cut(_words(reason)) from error
    except (http.client.InvalidURL, UnicodeError) as error:
        raise UserError(f"{url}: no address: {error}") from error
    except (http.client.HTTPException, OSError) as error:
        raise Cut(_words(error)) from error


def _length(headers: Message) -> int | None:
    text = headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def _version(headers: Message) -> str | None:
    tag: str | None = headers.get("ETag")
    # A weak tag says that files mean the same, not that their bytes are.
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified")


def _words(reason: object) -> str:
    if isinstance(reason, socket.gaierror):
        return "the host's name is not known here"
    if isinstance(reason, TimeoutError):
        return f"no answer within {_TIMEOUT:.0f} s"
    text = reason.strerror if isinstance(reason, OSError) and reason.strerror else str(reason)
    return text or type(reason).__name__
