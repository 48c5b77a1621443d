"""docs/cluster.md by hand on four hosts with the record on a fifth, and what may happen to such a cluster.

Tests run in their order: the last one loses a host.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ablations import ablation
from tests.cluster.cluster import HEAD, WORKERS, AblationOnHead, Cluster, SearchOnHead, cluster
from tests.tuning.killing import Look, Witness, check_the_end

CUT_OFF = 60.0  # seconds
pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("default"), pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def four_hosts(
    can_have_hosts: None, tmp_path_factory: pytest.TempPathFactory, session_cache: Path
) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster"), session_cache) as made:
        yield made


@pytest.fixture(autouse=True)
def _nothing_left(four_hosts: Cluster) -> Iterator[None]:
    yield
    four_hosts.end_commands()


def test_the_page_s_study(four_hosts: Cluster) -> None:
    """From a fresh clone on each host to the result, with the commands of the page in their order."""
    printed = four_hosts.study()
    assert "4.0 CPU" in printed  # `ray status` sees all four
    assert "trial-0000" in printed
    assert four_hosts.server.psql("SELECT state FROM trial", "amc_record").stdout.split() == ["COMPLETE"]


def test_a_search_with_a_host_cut_off_the_database_restarted_and_the_driver_killed(four_hosts: Cluster) -> None:
    """The host was taken for dead, and Ray on it must be started again, as the page says."""
    search, witness = SearchOnHead(four_hosts, "search"), Witness()
    host, database = four_hosts[WORKERS[2]], four_hosts.server
    driver = search.start()
    assert search.wait(driver, lambda look: _in_training(look) == 4), search.printed()
    database.stop()
    assert search.wait(driver, lambda _: "does not respond" in search.printed()), search.printed()
    database.start()
    witness.saw(search.look())
    four_hosts.signal(signal.SIGSTOP)  # so that they do not end meanwhile, however fast the machine is
    host.link(up=False)
    time.sleep(CUT_OFF)
    host.link(up=True)
    four_hosts.join(host.name)
    for name in WORKERS[:2]:
        assert four_hosts[name].trials(), search.printed()  # these have not noticed anything
    four_hosts.signal(signal.SIGCONT)
    assert search.wait(driver, lambda look: _attempt(look) > 1 and bool(host.trials())), search.printed()
    search.kill(driver)
    witness.saw(search.look())
    assert search.end(search.start()) == 0, search.printed()
    check_the_end(search, witness)
    assert "StackTrace" not in search.printed()


def test_table_4_with_the_driver_killed_and_a_host_lost_for_good(four_hosts: Cluster) -> None:
    study, witness = AblationOnHead(four_hosts, "table4"), Witness()
    lost = four_hosts[WORKERS[1]]
    driver = study.start()
    assert study.wait(driver, lambda look: _in_training(look) >= 2), study.printed()
    study.kill(driver)
    look = study.look()
    witness.saw(look)
    driver = study.start()
    begun = {key: trial.attempts for key, trial in look.trials.items()}
    assert study.wait(driver, lambda look: _again(look, begun) and bool(lost.trials())), study.printed()
    lost.lose()
    assert study.end(driver) == 0, study.printed()
    assert "StackTrace" not in study.printed()
    ablation.check_the_end(study, witness)
    # The same command, with more workers than there is room for now, has nothing left to do.
    assert study.end(study.start()) == 0, study.printed()
    assert f"room for {len(WORKERS)} such trials at once; running {len(WORKERS)}" in study.printed()
    ablation.check_the_end(study, witness)


def test_ray_stops_everywhere(four_hosts: Cluster) -> None:
    four_hosts.stop()
    for name in (HEAD, *WORKERS):
        left = [process.command for process in four_hosts[name].processes() if "/ray/" in process.command]
        assert not left, name


def _in_training(look: Look) -> int:
    """How many trials train and have reported."""
    return sum(trial.step > 0 for trial in look.training)


def _attempt(look: Look) -> int:
    """The highest attempt of the trials that train."""
    return max((trial.attempts for trial in look.training), default=0)


def _again(look: Look, begun: dict[str, int]) -> bool:
    """Whether a trial that the killed driver had begun trains in a new attempt."""
    return any(trial.attempts > begun.get(trial.key, trial.attempts) for trial in look.training)
