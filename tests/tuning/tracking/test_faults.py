"""A store that is away at first and once more, and two studies at once: real processes of toy trials."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.tuning.mlflow_server import Server
from tests.tuning.toy_command import Toy
from tuning.tracking.store import default_store, open_store

OUTAGE = 10.0  # seconds
MEANWHILE = 6  # reports that arrive while the server is away; at least 10 trials are left to run then
FLUSH = 5.0  # seconds that a study waits at its end for a server that is away
pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400), pytest.mark.filterwarnings("default")]  # MLflow's own


def test_a_server_that_comes_after_the_study_and_is_away_for_a_while(tmp_path: Path) -> None:
    server = Server(tmp_path / "server")
    toy = Toy(tmp_path, 2, server.target)
    toy.end(toy.start(flush=FLUSH))
    assert toy.printed().count("does not answer") == 1
    assert "is not up to date: rerun the same command to copy the rest" in toy.printed()
    before = toy.points()
    with server:
        toy.end(toy.start())
        assert "not" not in toy.printed()
        assert toy.points() == before
        toy.check()
        more = Toy(tmp_path, 16, server.target, pause=0.3)
        with more.start() as process:
            more.wait(process, len(before) + 4)
            server.kill()
            at = len(more.points())
            time.sleep(OUTAGE)
            more.wait(process, at + MEANWHILE)  # training goes on however long the server is away
            server.start()
            more.end(process)
        assert more.printed().count("does not answer") == 1
        assert "View run" not in more.printed()
        more.check()


def test_two_studies_share_machine_folder_and_store(tmp_path: Path) -> None:
    toys = [Toy(tmp_path, 3, default_store(tmp_path), name=name, pause=0.02) for name in ("one", "two")]
    processes = [toy.start() for toy in toys]
    for toy, process in zip(toys, processes, strict=True):
        toy.end(process)
    for toy in toys:
        toy.check()
    client: Any = open_store(default_store(tmp_path), tmp_path)
    experiments = {found.name: found.experiment_id for found in client.search_experiments()}
    assert {"one", "two"} <= experiments.keys()
    for toy in toys:
        runs = client.search_runs([experiments[toy.name]])
        assert len({run.data.tags["amc.study_id"] for run in runs}) == 1
