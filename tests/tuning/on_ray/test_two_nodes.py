"""A search on a Ray cluster of two nodes, one of which is lost while it trains."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.tuning.killing import Search, Witness, check_the_end
from tests.tuning.ray_nodes import Nodes

TRIALS, STEPS, EVERY = 6, 200, 10
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # MLflow's own


@pytest.mark.timeout(1800)
def test_a_cluster_refuses_what_it_cannot_run_and_survives_the_loss_of_a_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Nodes(tmp_path / "nodes") as nodes:
        nodes.start()
        too_large = Search(tmp_path / "refused", 1, 20, 10, "--address", nodes.address, "--cpus-per-trial", "2")
        monkeypatch.setenv("RAY_AUTH_MODE", "token")
        monkeypatch.setenv("RAY_AUTH_TOKEN", "of another cluster")
        assert refused(too_large) == "cannot connect to a Ray cluster"
        monkeypatch.delenv("RAY_AUTH_TOKEN")
        for name, value in nodes.environment.items():
            monkeypatch.setenv(name, value)
        assert refused(too_large) == "no node of the cluster has 2 CPU cores"
        assert not too_large.runs.exists()
        search_with_a_lost_node(nodes, tmp_path)


def search_with_a_lost_node(nodes: Nodes, folder: Path) -> None:
    """The loss costs the attempts that ran there, and nothing else."""
    lost = nodes.start()
    search, witness = Search(folder, TRIALS, STEPS, EVERY, "--address", nodes.address), Witness()
    driver = search.start()
    look = search.wait(driver, lambda look: len(look.training) == 2 and all(t.step for t in look.training))
    assert look is not None, search.printed()
    # Data and judges (two motion classifiers and the subjects', for the confirming run) came through the object
    # store: one copy for all trials of that node.
    assert len(list((nodes.cache(1) / "nodes").glob("*.h5"))) == 1
    assert len(list((nodes.cache(1) / "classifiers").glob("*.safetensors"))) == 3
    assert not nodes.cache(0).exists()  # the driver's own node reads them where they are
    nodes.kill(lost)
    assert search.end(driver) == 0, search.printed()
    witness.saw(search.look())
    look = check_the_end(search, witness)
    again = [trial for trial in look.trials.values() if trial.attempts > 1]
    assert 1 <= len(again) <= 2, search.printed()
    assert any("resumes from step" in line for line in search.printed().splitlines())


def refused(search: Search) -> str:
    """The part of its one line that says what is wrong; the command must not wait for what will never be."""
    done = subprocess.run(search.command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2, done.stderr
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("error: ")
    assert "Traceback" not in done.stderr
    known = ("cannot connect to a Ray cluster", "no node of the cluster has 2 CPU cores")
    return next((text for text in known if text in line), line)
