"""A Ray cluster of four hosts with the study record on a fifth, set up with the commands of docs/cluster.md."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.ablations.ablation import Ablation
from tests.cluster.hosts import ROOT, VENV, Host, Network, first_child
from tests.toy import write_toy_file
from tests.tuning.killing import MARK, Search, process_file
from tests.tuning.postgres import PASSWORD, Server, running

HEAD, DATABASE = "head", "dbhost"
WORKERS = ("worker-1", "worker-2", "worker-3")
EACH = (HEAD, *WORKERS)
INSTALL, FIRST, OTHERS, STUDY = (
    "1. On every machine",
    "2. On the first machine",
    "3. On each other machine",
    "4. A study, on the first machine",
)
END = "5. The end, on every machine"
# What stands in for the page's commands here, by pattern.
_INSTEAD = {
    r"git clone REPOSITORY": f"git clone --quiet {ROOT}",  # the checkout under test
    r"python3 -m venv .*": f"ln -s {VENV} .venv",  # nothing is downloaded
    r"ssh WORKER .*": ":",  # there is no ssh server: `Cluster.start` copies the token
    # All nodes share the cores and the memory of one machine.
    r"(ray start .*)": r"\1 --num-cpus 1 --num-gpus 0 --object-store-memory 100000000",
    # Minutes instead of days.
    r"--dataset natops --preset paper": "--data SHARED/squares.h5 --preset smoke --trials 1 --confirm-seeds 0",
    r"/shared/": "SHARED/",
    r"HEAD:": f"{HEAD}:",
    r"@DBHOST/": f"@{DATABASE}/",
}


def section(heading: str) -> str:
    """The commands in the code blocks of a section of docs/cluster.md, as they are run here."""
    text = (ROOT / "docs" / "cluster.md").read_text()
    found = re.search(rf"^### {re.escape(heading)}\n(.*?)(?=^#|\Z)", text, flags=re.M | re.S)
    assert found, f"docs/cluster.md has no section {heading!r}"
    commands = "\n".join(re.findall(r"^```bash\n(.*?)^```", found[1], flags=re.M | re.S))
    commands = re.sub(r"  +# .*", "", commands)
    for pattern, instead in _INSTEAD.items():
        commands = re.sub(pattern, instead, commands)
    return commands


class Cluster:
    """Four hosts for Ray, and PostgreSQL's.

    Attributes:
        shared: a folder that all hosts have at the same path.
        record: address of the study record for commands on the hosts.
    """

    def __init__(self, network: Network, server: Server, shared: Path) -> None:
        self.network, self.server, self.shared = network, server, shared
        self.record = f"postgresql://amc@{DATABASE}/amc_record"
        server.database("amc_record")
        for name in EACH:
            passwords = network[name].home / ".pgpass"
            passwords.write_text(f"{DATABASE}:5432:*:amc:{PASSWORD}\n")
            passwords.chmod(0o600)

    def __getitem__(self, name: str) -> Host:
        return self.network[name]

    def start(self) -> None:
        """Installs on every host, copies the token and starts Ray: sections 1 to 3 of the page."""
        _at_once(EACH, lambda name: self[name].run(section(INSTALL)))
        self[HEAD].run(section(FIRST))
        token = self[HEAD].home / ".ray" / "auth_token"
        assert token.stat().st_mode & 0o077 == 0
        for name in WORKERS:
            (self[name].home / ".ray").mkdir(mode=0o700)
            shutil.copy2(token, self[name].home / ".ray")
        _at_once(WORKERS, self.join)
        while self[HEAD].run("ray status").count(" node_") < len(EACH):
            time.sleep(2)  # a node is listed some seconds after it has joined

    def join(self, name: str) -> None:
        """Starts Ray on a host that is not the first."""
        self[name].run(section(OTHERS))

    def study(self) -> str:
        """The study of the page; what it prints."""
        write_toy_file(self.shared / "squares.h5")
        return self[HEAD].run(section(STUDY).replace("SHARED/", f"{self.shared}/"))

    def signal(self, number: int) -> None:
        """Sends a signal to all running trials."""
        for name in EACH:
            for pid in self[name].trials():
                os.kill(pid, number)

    def stop(self) -> None:
        """Stops Ray on all hosts that are left, as the page says."""
        _at_once([name for name in EACH if self[name].is_alive], lambda name: self[name].run(section(END)))

    def end_commands(self) -> None:
        """Kills the commands that a failed test has left behind, so that the next test finds an idle cluster."""
        for name in EACH:
            for process in self[name].processes() if self[name].is_alive else []:
                if f"{MARK}=".encode() in process_file(process.pid, "environ"):
                    os.kill(process.pid, signal.SIGKILL)


def _at_once(names: Sequence[str], do: Callable[[str], object]) -> None:
    """Does something on several hosts, as several people would."""
    with ThreadPoolExecutor() as people:
        list(people.map(do, names))


@contextmanager
def cluster(folder: Path, cache: Path) -> Iterator[Cluster]:
    """A cluster that is up, until the end of the block.

    Args:
        cache: of the head, a folder that has what the tests share already.
    """
    shared = folder / "shared"
    shared.mkdir(parents=True)
    with Network(folder / "network", [*EACH, DATABASE], [shared, cache]) as network:
        network[HEAD].environment["AMC_CACHE"] = str(cache)
        place = ["nsenter", "--target", str(network[DATABASE].pid), "--net"]
        with running(network[DATABASE].address, 5432, place) as server:
            made = Cluster(network, server, shared)
            made.start()
            yield made


class OnHead(Search):
    """A command whose driver runs on the head, with its record on the database's host."""

    cluster: Cluster

    def move(self, cluster: Cluster, *arguments: str) -> None:
        """Makes the command the one that is typed in the head's checkout, with all four hosts at work."""
        self.cluster, self.record = cluster, cluster.server.socket_url("amc_record")
        script, *words = self.command[1:]
        words[words.index("--workers") + 1] = str(len(EACH))
        self.command = ["python", str(Path(script).relative_to(ROOT)), *words, *arguments]
        self.command += ["--address", f"{HEAD}:6379", "--record", cluster.record]

    def start(self) -> subprocess.Popen[bytes]:
        """See `Search`."""
        return self.cluster[HEAD].start(self.command, self.log, {MARK: self.mark})

    def kill(self, driver: subprocess.Popen[bytes], *, group: bool = False) -> None:
        """See `Search`; `driver` waits for the command, which is in another process namespace."""
        os.kill(first_child(driver), signal.SIGKILL)
        driver.wait()


class SearchOnHead(OnHead):
    """A search on the toy clips, in a folder that all hosts share."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        super().__init__(cluster.shared / name, trials=4, steps=150, every=10)
        use_toy_clips(self)
        self.study = name
        self.folder = self.runs / name
        self.move(cluster, "--study", name, "--pruner", "none")


class AblationOnHead(OnHead, Ablation):
    """Table 4 with two arms, in a folder that all hosts share."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        super().__init__(cluster.shared / name)
        self.move(cluster)


def use_toy_clips(search: Search) -> None:
    """Searches on clips that are small and have judges which are trained fast."""
    clips = write_toy_file(search.runs.with_name("squares.h5"))
    at = search.command.index("--dataset")
    search.command[at : at + 2] = ["--data", str(clips)]
    search.study = "squares-smoke-search"
    search.folder = search.runs / search.study
