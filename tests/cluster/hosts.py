"""Hosts of a network on this machine: each has its own network, process, mount and host name namespaces.

A host has an address in 10.77.0.0/24, a host name, processes that end with it, a home folder and a /tmp. Hosts share
the rest of the file system, as if it were mounted from a file server. A switch in one more namespace connects them, so
this machine's own network is not touched. Needs root.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from tests.tuning.killing import Process, everything

ROOT = Path(__file__).resolve().parents[2]
VENV = Path(sys.prefix)
TOOLS = ("unshare", "nsenter", "setpriv", "ip", "mount")
_ALL = ["--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"]
# bash as the first process of a host also waits for the orphans there. Folders below /tmp that all hosts share are
# bound into the host's own /tmp, which would hide them. The environment has the dependencies alone: the packages come
# from each host's own checkout or from the driver.
_BOOT = """
set -e
hostname "$1"
mount --bind "$2/hosts" /etc/hosts
shared=$3 own=$4
for path in $shared; do
  mkdir -p "$own$path"
  mount --rbind "$path" "$own$path"
done
for path in $5; do mount --bind "$2/empty" "$path"; done
mount --rbind "$own/tmp" /tmp
ip link set lo up
echo booted
while :; do sleep 1000000 & wait $!; done
"""


def why_not() -> str:
    """Why there can be no hosts here; empty if there can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "network namespaces need root on Linux"
    missing = [name for name in TOOLS if shutil.which(name) is None]
    if missing:
        return f"not installed: {', '.join(missing)} (Debian: util-linux, iproute2)"
    tried = subprocess.run(
        ["unshare", *_ALL, "bash", "-c", "ip link add one type veth peer name two && ip link add three type bridge"],
        capture_output=True,
        text=True,
    )
    return f"network namespaces cannot be created here ({tried.stderr.strip()})" if tried.returncode else ""


class Host:
    """One host; made by `Network`."""

    def __init__(self, name: str, number: int, folder: Path, init: subprocess.Popen[str], switch: int) -> None:
        self.name, self.address, self.port = name, f"10.77.0.{number}", f"port{number}"
        self.folder, self.init, self.switch = folder, init, switch
        self.pid = children(init.pid)[0]  # of its first process
        self.home = folder / "home"
        self.home.mkdir()
        self.folder_now = str(self.home)
        self.environment = {
            "PATH": f"{VENV / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            **{name: os.environ[name] for name in ("OMP_NUM_THREADS", "MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK")},
        }

    def command(self, words: Sequence[str]) -> list[str]:
        """The words of a command that runs another one on this host."""
        place = ["nsenter", "--target", str(self.pid), "--net", "--mount", "--uts", "--pid"]
        return [*place, "--", *words]

    def run(self, script: str, *, check: bool = True, seconds: float = 300) -> str:
        """What commands print, typed by a user who stays logged in: the folder and exported variables are kept.

        Args:
            check: the commands must end with exit code 0.
            seconds: that they may take.
        """
        output, state = self.folder / "printed", self.folder / "state"
        kept = f"trap '{{ pwd; env -0; }} >\"{state}\"' EXIT"
        with output.open("w") as log:  # not a pipe, which daemons would keep open
            done = subprocess.run(
                self.command(["bash", "-e", "-c", f'cd "{self.folder_now}"\n{kept}\n{script}']),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=seconds,
            )
        assert not check or done.returncode == 0, f"{self.name}: {script}\n{output.read_text()}"
        folder, _, variables = state.read_text().partition("\n")
        self.folder_now = folder
        self.environment = dict(pair.split("=", 1) for pair in variables.split("\0") if "=" in pair)
        return output.read_text()

    def start(self, words: Sequence[str], log: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Starts a command; `first_child` of its process is the command itself."""
        with log.open("wb") as output:
            return subprocess.Popen(
                self.command(["env", f"--chdir={self.folder_now}", *words]),
                env=self.environment | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def is_alive(self) -> bool:
        """Whether the host was not lost."""
        return self.init.poll() is None

    def processes(self) -> list[Process]:
        """All living processes of this host."""
        namespace = _process_namespace(self.pid)
        return [process for process in everything() if _process_namespace(process.pid) == namespace]

    def trials(self) -> list[int]:
        """The processes of the trials that run here: the trial server forks a child for each."""
        here = self.processes()
        servers = {process.pid for process in here if "tuning.workers.trial_server" in process.command}
        return [process.pid for process in here if process.parent in servers]

    def lose(self) -> None:
        """Ends the host with all its processes at once, as in a power failure: nothing says goodbye on the network."""
        self.link(up=False)
        os.kill(self.pid, signal.SIGKILL)
        self.init.wait()

    def link(self, *, up: bool) -> None:
        """Plugs in the network cable at the switch, or pulls it."""
        _in_network(self.switch, f"ip link set {self.port} {'up' if up else 'down'}")


class Network:
    """A switch and hosts, which end with the block.

    Args:
        folder: for the hosts' own folders; every host has 10.77.0.N, where N counts from 1.
        shared: folders that all hosts have at the same path, besides what lies outside /tmp.
    """

    def __init__(self, folder: Path, names: Sequence[str], shared: Sequence[Path] = ()) -> None:
        self.folder = folder
        self.shared = [ROOT, VENV.resolve(), Path(sys.base_prefix), *shared]
        self.processes: list[subprocess.Popen[str]] = []
        self.hosts: dict[str, Host] = {}
        self.names = names
        folder.mkdir(parents=True, exist_ok=True)
        lines = ["127.0.0.1 localhost", *(f"10.77.0.{number} {name}" for number, name in enumerate(names, 1))]
        (folder / "empty").touch()
        (folder / "hosts").write_text("\n".join(lines) + "\n")

    def __enter__(self) -> Network:
        bridge = "ip link add br0 type bridge && ip link set br0 up && echo booted && sleep infinity"
        switch = self._process(["--net", "bash", "-c", bridge]).pid
        for number, name in enumerate(self.names, 1):
            self.hosts[name] = host = self._boot(name, number, switch)
            plug = f"ip link add {host.port} type veth peer name eth0 netns {host.pid}"
            _in_network(switch, f"{plug} && ip link set {host.port} master br0 up")
            _in_network(host.pid, f"ip address add {host.address}/24 dev eth0 && ip link set eth0 up")
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        for process in reversed(self.processes):
            process.kill()  # its child, the host's first process, ends with it
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    def _boot(self, name: str, number: int, switch: int) -> Host:
        folder = self.folder / name
        (folder / "tmp").mkdir(parents=True)
        (folder / "tmp").chmod(0o1777)
        below = " ".join(str(path) for path in (*self.shared, folder) if path.is_relative_to("/tmp"))
        editable = " ".join(
            str(path) for path in VENV.resolve().glob("lib/python*/site-packages/*editable*amc_gan*.pth")
        )
        arguments = [name, str(self.folder), below, str(folder), editable]
        init = self._process([*_ALL, "bash", "-c", _BOOT, "boot", *arguments])
        return Host(name, number, folder, init, switch)

    def _process(self, arguments: Sequence[str]) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", "unshare", *arguments],  # ends with this process, whatever ends it
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # unshare complains when its child is killed
            text=True,
            start_new_session=True,
        )
        self.processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "booted\n"
        return process


def _in_network(pid: int, script: str) -> None:
    done = subprocess.run(
        ["nsenter", "--target", str(pid), "--net", "bash", "-c", script], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def children(pid: int) -> list[int]:
    """The processes that a process has started, as this machine numbers them."""
    return [process.pid for process in everything() if process.parent == pid]


def first_child(process: subprocess.Popen[bytes]) -> int:
    """The number of the command that `Host.start` runs, once it has started."""
    deadline = time.monotonic() + 30
    while not (found := children(process.pid)):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found[0]


def _process_namespace(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return ""  # it has ended
