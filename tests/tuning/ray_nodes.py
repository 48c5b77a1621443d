"""A Ray cluster of several nodes on this machine, started as a user starts one: `ray start`, with a token."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

from tests.tuning.killing import ROOT, everything

PATIENCE = 180.0  # seconds that a node may take to start on a slow and busy machine


class Nodes:
    """Nodes of one cluster; all of them end with the block.

    Args:
        folder: gets the token, logs, and a cache folder for each node.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"127.0.0.1:{_free_port()}"
        self.token = folder / "token"
        folder.mkdir(parents=True, exist_ok=True)
        self.token.touch(mode=0o600)
        self.token.write_text(secrets.token_hex(32))
        # The path of a Unix socket may have 107 characters: not in the test's own folder.
        self.sessions = Path(tempfile.mkdtemp(prefix="amc-nodes-", dir="/tmp"))
        self.nodes: list[subprocess.Popen[bytes]] = []

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to be let in."""
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(self.token)}

    def cache(self, number: int) -> Path:
        """The cache folder of a node."""
        return self.folder / f"cache-{number}"

    def start(self, *, cpus: int = 1) -> subprocess.Popen[bytes]:
        """One more node, the first one as head; returns when it is up."""
        number = len(self.nodes)
        port = self.address.rpartition(":")[2]
        role = ["--head", "--port", port, "--include-dashboard=false"] if number == 0 else ["--address", self.address]
        command = [str(Path(sys.executable).with_name("ray")), "start", *role, "--block", "--disable-usage-stats"]
        command += ["--num-cpus", str(cpus), "--num-gpus", "0", "--node-ip-address", "127.0.0.1"]
        command += ["--object-store-memory", str(200 * 1024**2), "--temp-dir", str(self.sessions)]
        log = self.folder / f"node-{number}.log"
        with log.open("wb") as output:
            node = subprocess.Popen(
                command,
                env=os.environ | self.environment | {"AMC_CACHE": str(self.cache(number)), "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.nodes.append(node)
        deadline = time.monotonic() + PATIENCE
        while "Ray runtime started" not in log.read_text(errors="replace"):
            assert node.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < deadline, log.read_text(errors="replace")
            time.sleep(0.1)
        return node

    def kill(self, node: subprocess.Popen[bytes]) -> None:
        """SIGKILL to all processes of a node at once, as when its machine is gone."""
        family = {node.pid}
        processes = everything()
        while grown := {process.pid for process in processes if process.parent in family} - family:
            family |= grown
        for pid in family:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        node.wait()

    def __enter__(self) -> Nodes:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        for node in reversed(self.nodes):
            if node.poll() is None:
                self.kill(node)
        shutil.rmtree(self.sessions, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
