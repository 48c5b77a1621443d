"""docs/cluster/slurm.sbatch on Slurm: preempted by a job that is more urgent, requeued, resumed and ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.cluster import EACH, use_toy_clips
from tests.cluster.hosts import ROOT, VENV, Network
from tests.cluster.slurm import Slurm, why_not
from tests.tuning.killing import MARK, Search, Witness, check_the_end

TRIALS, STEPS, EVERY = 2, 150, 10
URGENT = "--partition urgent --nodes 4 --ntasks-per-node 1 --cpus-per-task 16 --wrap 'sleep 1'"
pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("default"), pytest.mark.timeout(1200)]


def test_a_search_that_is_preempted(can_have_hosts: None, tmp_path: Path, session_cache: Path) -> None:
    if why_not():
        pytest.skip(why_not())
    shared = tmp_path / "shared"
    search, witness = Search(shared / "search", TRIALS, STEPS, EVERY, "--pruner", "none"), Witness()
    use_toy_clips(search)
    out = search.command.index("--out")  # the script passes it itself
    arguments = " ".join([*search.command[2:out], *search.command[out + 2 :]])
    with Network(tmp_path / "network", EACH, [tmp_path, session_cache]) as network:
        slurm = Slurm(network, shared / "slurm", EACH)
        slurm.run(f"cd {shared} && git clone --quiet {ROOT} amc-gan && cd amc-gan && ln -s {VENV} .venv")
        network[EACH[0]].environment |= {"SHARED": str(search.runs), "AMC_CACHE": str(session_cache), MARK: search.mark}
        job = slurm.submit(f"docs/cluster/slurm.sbatch {arguments}")
        search.log = shared / "amc-gan" / f"slurm-{job}.out"
        slurm.wait_for(job, "RUNNING", lambda: sum(trial.step > 0 for trial in search.look().training) == 2)
        urgent = slurm.submit(URGENT)
        slurm.wait_for(urgent, "COMPLETED")
        look = search.look()
        witness.saw(look)
        assert {trial.state for trial in look.trials.values()} == {"WAITING"}, search.printed()
        slurm.wait_for(job, "PENDING")
        slurm.run(f"scontrol update JobId={job} StartTime=now")  # it would wait for two minutes
        slurm.wait_for(job, "COMPLETED")
        assert slurm.job(job)["Restarts"] == "1"
        look = check_the_end(search, witness)
    searched = [trial for trial in look.trials.values() if trial.role == "trial"]
    assert [trial.attempts for trial in searched] == [2, 2]
    assert search.printed().count("resumes from step") == 2
