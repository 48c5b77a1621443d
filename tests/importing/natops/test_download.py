"""Downloads from a real server on the loopback interface that cuts, forgets and contradicts itself on demand."""

from __future__ import annotations

import errno
import hashlib
import http.server
import io
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from amc.errors import UserError
from amc.importing.natops import download
from amc.importing.natops.download import ARCHIVE, FILES, fetch


def packed(size: int, seed: int = 0) -> bytes:
    """A zip of about so many random bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("g01s01.avi", random.Random(seed).randbytes(size))
    return file.getvalue()


@dataclass
class Site:
    """What the server has and how it behaves; `asked` is what it was asked for, in order."""

    files: dict[str, bytes]
    tag: str | None = '"one"'
    modified: str | None = None
    ranges: bool = True
    lengths: bool = True  # False: chunked, and HEAD is not served
    cuts: list[int] = field(default_factory=list)  # bytes after which the next answers break off
    slow: float = 0.0  # seconds after each 64 KiB
    status: list[int] = field(default_factory=list)  # errors instead of the next GETs
    lie: int = 0  # HEAD says so many bytes more
    redirect: str | None = None
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)  # method, path, Range
    url: str = ""

    def gets(self) -> list[str | None]:
        return [span for method, _, span in self.asked if method == "GET"]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        site, get = self.site, self.command == "GET"
        site.asked.append((self.command, self.path, self.headers["Range"]))
        self.close_connection = True
        name = self.path.rsplit("/", 1)[1]
        if site.redirect is not None and "/moved/" not in self.path:
            return self.say(302, {"Location": site.redirect.replace("NAME", name)})
        if name not in site.files:
            return self.say(404, {})
        if not get and not site.lengths:
            return self.say(405, {})
        if get and site.status:
            return self.say(site.status.pop(0), {})
        body, start, code = site.files[name], 0, 200
        headers = {"ETag": site.tag, "Last-Modified": site.modified}
        span, wanted = self.headers["Range"], self.headers["If-Range"]
        if span and site.ranges and wanted in (None, site.tag or site.modified):
            start, code = int(re.fullmatch(r"bytes=(\d+)-", span)[1]), 206  # type: ignore[index]
            if start >= len(body):
                return self.say(416, {"Content-Range": f"bytes */{len(body)}"})
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        if site.lengths:
            headers["Content-Length"] = str(len(body) - start + (0 if get else site.lie))
        else:
            headers["Transfer-Encoding"] = "chunked"
        self.say(code, headers)
        if get:
            self.body(body[start:])
        return None

    def say(self, code: int, headers: dict[str, str | None]) -> None:
        self.send_response(code)
        for name, value in ({"Content-Length": "0"} if code >= 300 else {} | headers).items():
            if value is not None:
                self.send_header(name, value)
        if code >= 300:
            for name, value in headers.items():
                self.send_header(name, str(value))
        self.end_headers()

    def body(self, rest: bytes) -> None:
        cut = self.site.cuts.pop(0) if self.site.cuts else None
        for at in range(0, len(rest), 65536):
            piece = rest[at : at + 65536] if cut is None else rest[at : min(at + 65536, cut)]
            self.wfile.write(piece if self.site.lengths else b"%x\r\n%s\r\n" % (len(piece), piece))
            if cut is not None and at + 65536 >= cut:
                return
            if self.site.slow:
                time.sleep(self.site.slow)
        if not self.site.lengths:
            self.wfile.write(b"0\r\n\r\n")


@pytest.fixture
def site() -> Iterator[Site]:
    with server(Site({"segmentation.txt": b"// Subject 1\n", "gesture01.zip": packed(400_000)})) as running:
        yield running


class server:
    """Serves a site on a free port of the loopback interface."""

    def __init__(self, site: Site) -> None:
        handler = type("Own", (Handler,), {"site": site})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that are killed
        site.url = f"http://127.0.0.1:{self.server.server_address[1]}/archive"
        self.site = site
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Site:
        self.thread.start()
        return self.site

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def get(site: Site, folder: Path, **more: Any) -> Path:
    waits: list[float] = []
    return fetch(site.url, folder, files=tuple(site.files), pause=more.pop("pause", waits.append), **more)


def same(site: Site, folder: Path) -> None:
    """All files are there to the byte, and nothing half done."""
    for name, body in site.files.items():
        assert hashlib.sha256((folder / name).read_bytes()).digest() == hashlib.sha256(body).digest(), name
    assert sorted(p.name for p in folder.iterdir() if not p.name.endswith(".json")) == sorted(site.files)


def test_the_public_archive() -> None:
    assert ARCHIVE.endswith("/")
    assert len(FILES) == 25
    assert FILES[:2] == ("segmentation.txt", "gesture01.zip")
    assert FILES[-1] == "gesture24.zip"


def test_all_files_come_once(site: Site, tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    folder = tmp_path / "new" / "folder"
    assert get(site, folder, progress=lambda done, total, note="": told.append((done, total, note))) == folder
    same(site, folder)
    assert told[-1] == (1, 1, "")
    assert {note for _, _, note in told[:-1]} == set(site.files)
    site.asked.clear()
    get(site, folder)
    assert site.asked == []  # what is on record is not asked for again
    same(site, folder)


@pytest.mark.parametrize(
    "how",
    [{}, {"tag": None, "modified": "Mon, 02 Jan 2012 00:00:00 GMT"}, {"tag": None}, {"tag": 'W/"weak"'}],
    ids=["etag", "date", "neither", "weak-etag"],
)
def test_a_cut_connection_goes_on_where_it_was(site: Site, tmp_path: Path, how: dict[str, Any]) -> None:
    for name, value in how.items():
        setattr(site, name, value)
    del site.files["segmentation.txt"]
    site.cuts = [100_000, 50_000]
    get(site, tmp_path)
    same(site, tmp_path)
    if how.get("tag") != 'W/"weak"':
        assert site.gets() == [None, "bytes=100000-", "bytes=150000-"]


def test_a_server_without_ranges(site: Site, tmp_path: Path) -> None:
    site.ranges, site.cuts = False, [9, 200_000, 300_000]
    get(site, tmp_path)
    same(site, tmp_path)


@pytest.mark.parametrize("ranges", [True, False])
def test_a_server_without_sizes(site: Site, tmp_path: Path, ranges: bool) -> None:
    site.lengths, site.ranges, site.cuts = False, ranges, [5, 100_000]
    get(site, tmp_path)
    same(site, tmp_path)


def test_complete_but_not_renamed(site: Site, tmp_path: Path) -> None:
    """Killed between the last byte and the renaming, at a server that tells sizes and at one that does not."""
    for site.lengths in (True, False):
        get(site, tmp_path)
        (tmp_path / "gesture01.zip").rename(tmp_path / ".gesture01.zip.partial")
        site.asked.clear()
        get(site, tmp_path)
        same(site, tmp_path)
        assert site.gets() == ([] if site.lengths else [f"bytes={len(site.files['gesture01.zip'])}-", None])


@pytest.mark.parametrize("honest", [True, False])
def test_a_file_that_changed_begins_anew(site: Site, tmp_path: Path, honest: bool) -> None:
    site.cuts = [13, 100_000]

    def stop(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(site, tmp_path, pause=stop)
    assert (tmp_path / ".gesture01.zip.partial").stat().st_size == 100_000
    # The same length, so that the version alone tells.
    site.files["gesture01.zip"], site.tag = packed(400_000, seed=1), '"two"'
    if not honest:
        site.lengths = False  # no HEAD: only If-Range can tell
    get(site, tmp_path)
    same(site, tmp_path)


def test_a_change_that_only_the_part_tells(site: Site, tmp_path: Path) -> None:
    """A server that answers If-Range with a part of another version all the same."""
    del site.files["segmentation.txt"]
    site.cuts, site.lengths = [100_000], False

    def change(_: float) -> None:
        site.files["gesture01.zip"], site.tag = packed(400_000, seed=1), '"two"'

    get(site, tmp_path, pause=change)
    same(site, tmp_path)


def test_sizes_that_contradict_each_other(site: Site, tmp_path: Path) -> None:
    site.lie = 7
    with pytest.raises(UserError, match=r"segmentation.txt: expected 20 bytes, but the server sends 13"):
        get(site, tmp_path)


def test_a_file_of_another_size_is_refused_and_kept(site: Site, tmp_path: Path) -> None:
    (tmp_path / "gesture01.zip").write_bytes(b"mine")
    with pytest.raises(UserError, match=r"gesture01.zip has 4 bytes, but http.* has 400\d+: move it away"):
        get(site, tmp_path)
    assert (tmp_path / "gesture01.zip").read_bytes() == b"mine"
    (tmp_path / "gesture01.zip").write_bytes(site.files["gesture01.zip"])
    site.asked.clear()
    get(site, tmp_path)
    assert [path for method, path, _ in site.asked if method == "GET"] == ["/archive/segmentation.txt"]


def test_a_page_instead_of_a_zip(site: Site, tmp_path: Path) -> None:
    site.files["gesture01.zip"] = b"<html>please log in</html>"
    with pytest.raises(UserError, match=r"gesture01.zip: the server sent something that is not a zip file"):
        get(site, tmp_path)
    assert not (tmp_path / "gesture01.zip").exists()


@pytest.mark.parametrize("lengths", [True, False])
def test_what_is_made_says_so_after_its_download(site: Site, tmp_path: Path, lengths: bool) -> None:
    site.lengths = lengths
    names = tuple(site.files)
    site.files["PROCEDURAL.txt"] = b"nobody was recorded"
    fetch(site.url, tmp_path, files=names, pause=lambda _: None)
    same(site, tmp_path)
    order = [path.rsplit("/", 1)[1] for method, path, _ in site.asked if method == "GET"]
    assert order == ["segmentation.txt", "PROCEDURAL.txt", "gesture01.zip"]


def test_passing_errors_are_tried_again_and_lasting_ones_named(site: Site, tmp_path: Path) -> None:
    site.status = [503, 500, 429]
    waits: list[float] = []
    get(site, tmp_path, pause=waits.append)
    same(site, tmp_path)
    assert waits == [2.0, 4.0, 8.0]
    (tmp_path / "segmentation.txt").unlink()
    for status, words in (
        ([503] * 5, r"answers 503 .* \(5 attempts failed\); what was received is kept; rerun"),
        ([403], r"answers 403"),
        ([410], r"no such file"),
    ):
        site.status = list(status)
        with pytest.raises(UserError, match=words):
            get(site, tmp_path)
        assert site.status == []


def test_a_file_that_is_not_there(site: Site, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"archive/gesture07.zip: no such file \(the server answers 404"):
        fetch(site.url, tmp_path, files=("segmentation.txt", "gesture07.zip"), pause=lambda _: None)
    assert site.gets() == []  # found out before anything large is sent
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}/"
    with pytest.raises(UserError, match=f"{nobody}segmentation.txt: Connection refused .5 attempts failed"):
        fetch(nobody, tmp_path, pause=lambda _: None)


def test_redirects_are_bounded_and_stay_on_http(site: Site, tmp_path: Path) -> None:
    site.redirect = "moved/NAME"
    get(site, tmp_path / "followed")
    same(site, tmp_path / "followed")
    assert {method for method, path, _ in site.asked if "/moved/" in path} == {"HEAD", "GET"}
    for target in ("file:///etc/hostname", "ftp://127.0.0.1/NAME", f"{site.url}/x/NAME"):
        site.redirect, site.asked = target, []
        with pytest.raises(UserError, match=r"segmentation.txt: "):
            get(site, tmp_path / "not")
        assert len(site.asked) <= 10
        assert not (tmp_path / "not" / "segmentation.txt").exists()


@pytest.mark.parametrize(
    "address", ["file:///etc/", "ftp://host/x/", "/some/folder", "http://", "http://a b/", "http://[/", "https://h:x/"]
)
def test_only_http_addresses(tmp_path: Path, address: str) -> None:
    with pytest.raises(UserError, match="is not the URL of a folder"):
        fetch(address, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_too_small_a_disk(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 1000})
    with monkeypatch.context() as small:
        small.setattr(download.shutil, "disk_usage", lambda _: usage)
        with pytest.raises(UserError, match=r"the download needs 0 MB, and the disk has 0 MB left"):
            get(site, tmp_path)
    assert site.gets() == []
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    (tmp_path / ".segmentation.txt.partial").symlink_to("/dev/full")
    (tmp_path / ".segmentation.txt.json").write_text(
        f'{{"url": "{site.url}/segmentation.txt", "size": 13, "version": "\\"one\\""}}'
    )
    with pytest.raises(UserError, match=f"cannot write .*segmentation.txt: {os.strerror(errno.ENOSPC)}"):
        get(site, tmp_path)
    assert len(site.gets()) == 1  # no use trying again


def test_a_folder_that_cannot_be(site: Site, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*taken"):
        get(site, tmp_path / "taken")


CHILD = """
import sys
from pathlib import Path
from amc.importing.natops.download import fetch
from amc.errors import UserError
try:
    fetch(sys.argv[1], Path(sys.argv[2]), files=tuple(sys.argv[3:]))
except UserError as error:
    sys.exit(str(error))
"""


def started(site: Site, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, site.url, str(folder), *site.files]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_killed_three_times_and_still_the_same_bytes(tmp_path: Path) -> None:
    big = Site({"gesture01.zip": packed(8_000_000), "segmentation.txt": b"// Subject 1\n"}, slow=0.01)
    with server(big):
        partial = tmp_path / ".gesture01.zip.partial"
        reached = 0
        for _ in range(3):
            process = started(big, tmp_path)
            deadline = time.monotonic() + 120
            while not partial.exists() or partial.stat().st_size < reached + 500_000:
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.005)
            process.kill()
            process.communicate()
            reached = partial.stat().st_size
            assert reached < len(big.files["gesture01.zip"])
        big.slow = 0
        process = started(big, tmp_path)
        assert process.communicate(timeout=120) == ("", "")
        same(big, tmp_path)
    spans = [span for span in big.gets() if span]
    assert len(spans) == 3  # each went on where the one before was killed
    assert spans[-1] == f"bytes={reached}-"


def test_two_processes_do_not_fetch_into_one_folder(tmp_path: Path) -> None:
    big = Site({"gesture01.zip": packed(2_000_000)}, slow=0.2)
    with server(big):
        first = started(big, tmp_path)
        deadline = time.monotonic() + 120
        while not big.gets():
            assert first.poll() is None, first.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with pytest.raises(UserError, match="another process is writing"):
            get(big, tmp_path)
        big.slow = 0
        first.communicate(timeout=120)
        assert first.returncode == 0
        same(big, tmp_path)
        assert big.gets() == [None]
