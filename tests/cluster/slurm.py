"""Slurm of Debian's packages on hosts in network namespaces: four nodes that claim 16 cores and 4 GPUs each."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.cluster.hosts import Network

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue", "munged", "mungekey")
PATIENCE = 300.0  # seconds that anything may take on a slow and busy machine
# Nodes may say that they have more cores and GPUs than this machine. Every host has a /tmp of its own.
_CONFIGURATION = """
ClusterName=test
SlurmctldHost={head}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=/tmp/munge.socket
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
GresTypes=gpu
StateSaveLocation=/tmp/slurmctld
SlurmdSpoolDir=/tmp/slurmd
SlurmctldPidFile=/tmp/slurmctld.pid
SlurmdPidFile=/tmp/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SchedulerParameters=sched_interval=2,bf_interval=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName={nodes} CPUs=16 RealMemory=4000 Gres=gpu:4 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES PriorityTier=1 GraceTime=30 State=UP
PartitionName=urgent Nodes=ALL PriorityTier=2 PreemptMode=OFF State=UP
"""


def why_not() -> str:
    """Why there can be no Slurm here; empty if there can."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None]
    return f"not installed: {', '.join(missing)} (Debian: slurm-wlm, munge)" if missing else ""


class Slurm:
    """A Slurm cluster on the hosts of a network; its daemons end with the hosts.

    Args:
        folder: gets the configuration and the logs; all hosts have it at the same path.
        nodes: names of hosts; the first one also runs the controller.
    """

    def __init__(self, network: Network, folder: Path, nodes: Sequence[str]) -> None:
        self.network, self.folder, self.head = network, folder, nodes[0]
        folder.mkdir(parents=True)
        configuration = _CONFIGURATION.format(head=nodes[0], folder=folder, nodes=",".join(nodes))
        (folder / "slurm.conf").write_text(configuration)
        for number in range(4):  # Slurm asks for no more than that the devices exist
            (folder / f"gpu{number}").touch()
        (folder / "gres.conf").write_text(f"Name=gpu File={folder}/gpu[0-3]\n")
        (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
        self.run(f"mungekey --create --keyfile={folder}/munge.key && chmod 400 {folder}/munge.key")
        for name in nodes:
            network[name].environment["SLURM_CONF"] = str(folder / "slurm.conf")
            # --force: as root, which owns the socket.
            places = "--socket=/tmp/munge.socket --pid-file=/tmp/munged.pid --seed-file=/tmp/munged.seed"
            network[name].run(
                f"munged --force --key-file={folder}/munge.key --log-file={folder}/munged-{name}.log {places}"
            )
        self.run("mkdir -p /tmp/slurmctld && slurmctld")
        for name in nodes:
            network[name].run("mkdir -p /tmp/slurmd && slurmd")
        self.wait(lambda: self.run("sinfo --noheader --Node --format %T").split() == ["idle"] * 2 * len(nodes))

    def run(self, command: str) -> str:
        """Runs a command on the first node; what it prints."""
        return self.network[self.head].run(command)

    def submit(self, arguments: str) -> int:
        """Submits a job; its number."""
        return int(self.run(f"sbatch --parsable {arguments}").split()[-1])

    def job(self, number: int) -> dict[str, str]:
        """What Slurm knows of a job."""
        return dict(re.findall(r"(\w+)=(\S*)", self.run(f"scontrol show job {number}")))

    def wait(self, ready: Callable[[], object]) -> None:
        """Until it is so."""
        deadline = time.monotonic() + PATIENCE
        while not ready():
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.5)

    def wait_for(self, job: int, state: str, ready: Callable[[], bool] = lambda: True) -> None:
        """Until a job is in this state, and something else is so; it must not end otherwise meanwhile."""

        def reached() -> bool:
            now = self.job(job)["JobState"]
            assert now in (state, "PENDING", "CONFIGURING", "RUNNING", "COMPLETING"), f"{now}: {self.logs()}"
            return now == state and ready()

        self.wait(reached)

    def logs(self) -> str:
        """The ends of the daemons' logs."""
        return "\n".join(f"{path.name}:\n{path.read_text()[-3000:]}" for path in sorted(self.folder.glob("*.log")))
