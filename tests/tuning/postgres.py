"""A PostgreSQL server of the tests' own: in a temporary folder, on a Unix socket and a free port of 127.0.0.1."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

USER, PASSWORD = "amc", "geheim/1"
# What was committed is lost when such a server is stopped at once; the operating system lives on, so fsync is not it.
_HASTY = "fsync=off full_page_writes=off synchronous_commit=off max_connections=40 shared_buffers=16MB"


def binaries() -> Path | None:
    """The folder that has `initdb` and `postgres`; None where no server is installed."""
    places = [Path(found).resolve().parent for found in [shutil.which("initdb")] if found]
    config = shutil.which("pg_config")
    if config is not None:
        asked = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        places.append(Path(asked.stdout.strip()))
    # Debian's; the newest version first.
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    places += sorted(installed, key=lambda path: -float(path.parent.name))
    return next((path for path in places if (path / "initdb").is_file() and (path / "postgres").is_file()), None)


@dataclass
class Server:
    """A running server.

    Attributes:
        owner: the user it runs as, as arguments of `subprocess`: a server refuses to be root's.
        address: of the interface that it listens on.
        network: words that run a command in another network namespace; empty for this machine's own.
    """

    place: Path
    folder: Path
    port: int
    owner: dict[str, int]
    address: str = "127.0.0.1"
    network: Sequence[str] = ()
    process: subprocess.Popen[bytes] | None = None

    def url(self, database: str, user: str = USER) -> str:
        """The address of a database, over TCP and with a password."""
        return f"postgresql://{user}:{PASSWORD.replace('/', '%2F')}@{self.address}:{self.port}/{database}"

    def socket_url(self, database: str) -> str:
        """The address of a database for its superuser, over the Unix socket."""
        return f"postgresql://owner@/{database}?host={self.folder}&port={self.port}"

    def start(self) -> None:
        """Until it takes connections."""
        command = [str(self.place / "postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder)]
        command += ["-h", self.address, "-p", str(self.port)]
        for setting in _HASTY.split():
            command += ["-c", setting]
        with (self.folder / "log").open("ab") as log:
            if self.network:  # only root may enter it, and postgres refuses to be root's
                user, group = self.owner["user"], self.owner["group"]
                become = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]
                self.process = _popen([*self.network, *become, *command], log)
            else:
                self.process = _popen(command, log, **self.owner)
        deadline = time.monotonic() + 120
        while self.psql("SELECT 1", check=False).returncode:
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def stop(self) -> None:
        """At once, as in a crash: connections break, and what was not committed is lost."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(60)
            self.process = None

    def psql(
        self, statement: str, database: str = "postgres", *, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Runs one statement as the superuser, over the Unix socket."""
        command = [
            str(self.place / "psql"),
            "-h",
            str(self.folder),
            "-p",
            str(self.port),
            "-U",
            "owner",
            "-d",
            database,
        ]
        command += ["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement]
        return subprocess.run(command, capture_output=True, text=True, check=check, cwd=self.folder)

    def database(self, name: str) -> str:
        """Makes an empty database of the ordinary user's; its address."""
        self.psql(f"CREATE DATABASE {name} OWNER {USER}")
        return self.url(name)


def _popen(command: Sequence[str], log: IO[bytes], **owner: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, **owner)


def _owner() -> dict[str, int]:
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": found.pw_uid, "group": found.pw_gid}
    return {}


def free_port() -> int:
    """Of 127.0.0.1; somebody else may take it, which is unlikely."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(address: str = "127.0.0.1", port: int | None = None, network: Sequence[str] = ()) -> Iterator[Server]:
    """A server until the end of the block; see `Server` for the arguments. The port is a free one by default."""
    place = binaries()
    if place is None:
        missing = "PostgreSQL's server (initdb, postgres) is not installed"
        if os.environ.get("AMC_TEST_NEEDS_POSTGRES"):  # CI has seen one
            pytest.fail(missing)
        pytest.skip(missing)
    owner = _owner()
    # Not under pytest's folder: that is closed to other users, and a socket's path may have 107 characters.
    with tempfile.TemporaryDirectory(prefix="amc-pg-", dir="/tmp") as name:
        folder = Path(name)
        if owner:
            os.chown(folder, owner["user"], owner["group"])
        folder.chmod(0o755)
        command = [place / "initdb", "-D", folder / "data", "-U", "owner", "-A", "trust", "--no-sync", "-E", "UTF8"]
        subprocess.run([*command, "--locale=C"], check=True, capture_output=True, cwd=folder, **owner)
        # Over TCP the password counts.
        rules = f"local all all trust\nhost all all {address}/24 scram-sha-256\n"
        (folder / "data" / "pg_hba.conf").write_text(rules)
        server = Server(place, folder, port or free_port(), owner, address, network)
        try:
            server.start()
            server.psql(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'")
            yield server
        finally:
            server.stop()
