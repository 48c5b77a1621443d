"""Files on an HTTP server: their size and version, and their bytes from any offset, with `requests`.

Files are requested without compression, so that sizes and offsets refer to the file itself. Failures that another
attempt may fix raise `TransferInterrupted`; all others raise a `UserError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidSchema, InvalidURL, TooManyRedirects

from amc.errors import UserError

_TIMEOUT = 30.0  # seconds within which a server must answer or send something
_CHUNK = 1 << 16  # bytes
_TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
_HEAD_REFUSED = (400, 403, 405, 501)  # from servers that serve a file but not HEAD requests for it


class TransferInterrupted(Exception):
    """A failure that another attempt may fix; the message is the reason."""


class RangeNotSatisfiable(TransferInterrupted):
    """The file on the server is not longer than the requested offset."""


class FileNotOnServer(UserError):
    """The server does not have the file."""


@dataclass(frozen=True)
class RemoteFile:
    """What a server says about a file.

    Attributes:
        size: size of the whole file in bytes; None if unknown.
        version: a strong ETag, else the Last-Modified date, as `If-Range` accepts them; None without either.
        start: offset of the first byte that is sent.
        chunked: whether the transfer encoding itself marks the end.
    """

    size: int | None
    version: str | None
    start: int = 0
    chunked: bool = False


def open_session() -> requests.Session:
    """A session that uses the environment's proxy settings and follows at most 5 redirects."""
    session = requests.Session()
    session.max_redirects = 5
    # Without compression, so that ranges and sizes refer to the file itself.
    session.headers.update({"User-Agent": "amc-gan", "Accept-Encoding": "identity"})
    # A server may close a kept connection at any time. A second try then opens a new one.
    again = urllib3.Retry(total=1, connect=0, read=1, redirect=0, status=0, other=0)
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=again))
    return session


def folder_url(url: str) -> str:
    """Returns the URL of a folder with a slash at its end.

    Raises:
        UserError: not a valid http or https URL.
    """
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not url.isascii() or re.search(r"[\s\x00-\x1f\x7f?#]", url):
        raise UserError(f"{url!r} is not the URL of a folder; give http://HOST/FOLDER/ or https://HOST/FOLDER/")
    return url.rstrip("/") + "/"


def describe_file(session: requests.Session, url: str) -> RemoteFile:
    """Asks for the size and version of a file without its content; both are None if the server refuses HEAD requests.

    Raises:
        TransferInterrupted: another attempt may work.
        UserError: the file or the server cannot be used.
    """
    with _response(session, "HEAD", url, {}) as response:
        if response.status_code in _HEAD_REFUSED:
            return RemoteFile(None, None)
        return RemoteFile(_length(response.headers), _version(response.headers))


@contextmanager
def open_file(
    session: requests.Session, url: str, start: int, version: str | None
) -> Iterator[tuple[RemoteFile, Iterator[bytes]]]:
    """A file's description and its bytes in chunks, from `start` if the server can and still has that version.

    Errors while the chunks are read are raised as described here, too.

    Raises:
        TransferInterrupted: another attempt may work.
        UserError: the file, the server or its answer cannot be used.
    """
    headers = {"Range": f"bytes={start}-"} if start else {}
    if start and version:
        headers["If-Range"] = version
    with _response(session, "GET", url, headers) as response:
        given = response.headers
        if (encoding := given.get("Content-Encoding", "identity")) != "identity":
            raise UserError(f"{url}: the server sends it compressed ({encoding}), although it was asked not to")
        size, first = _length(given), 0
        if response.status_code == 206:
            span = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", given.get("Content-Range", "").strip())
            if span is None or int(span[1]) != start:
                raise TransferInterrupted(f"the server sent the wrong range ({given.get('Content-Range')})")
            size, first = (None if span[3] == "*" else int(span[3])), start
        chunked = "chunked" in given.get("Transfer-Encoding", "").lower()
        yield RemoteFile(size, _version(given), first, chunked), response.raw.stream(_CHUNK, decode_content=False)


@contextmanager
def _response(
    session: requests.Session, method: str, url: str, headers: Mapping[str, str]
) -> Iterator[requests.Response]:
    try:
        with session.request(
            method, url, headers=headers, timeout=_TIMEOUT, stream=True, allow_redirects=True
        ) as response:
            _check_status(url, method, response)
            yield response
    except (TooManyRedirects, InvalidSchema, InvalidURL) as error:
        raise UserError(f"{url}: {error}") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise UserError(f"{url}: certificate verification failed: {_root_cause(error)}") from error
        raise TransferInterrupted(_root_cause(error)) from error


def _check_status(url: str, method: str, response: requests.Response) -> None:
    code = response.status_code
    if 200 <= code < 300 or (method == "HEAD" and code in _HEAD_REFUSED):
        return
    answer = f"the server answers {code} {response.reason}".strip()
    if code in (404, 410):
        raise FileNotOnServer(f"{url}: no such file ({answer}); give another URL")
    if code == 416:
        raise RangeNotSatisfiable(answer)
    if code in _TRANSIENT:
        raise TransferInterrupted(answer)
    # Some servers answer 403 for files that they do not have.
    raise (FileNotOnServer if code == 403 else UserError)(f"{url}: {answer}")


def _length(headers: Mapping[str, str]) -> int | None:
    text = headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def _version(headers: Mapping[str, str]) -> str | None:
    tag = headers.get("ETag")
    # A weak tag promises equal meaning, not equal bytes.
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified")


def _root_cause(error: BaseException) -> str:
    """The innermost exception's message: the outer ones repeat the URL and internal names."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
