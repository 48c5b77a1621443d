"""Which cluster `--address auto` joins, what a study says while it waits, and a cluster that ends."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from amc.errors import UserError
from tuning.on_ray import clusters, start_problems
from tuning.on_ray.clusters import ClusterWatch, join_cluster, running_cluster
from tuning.on_ray.start_problems import DIED_SECONDS, MOST_SECONDS, SLOW_SECONDS, StartCheck
from tuning.workers.resources import Resources

TRIAL = Resources(2, 4, 0.5)


def raylet(address: str, session: str) -> list[str]:
    return [
        "/venv/ray/core/src/ray/raylet/raylet",
        f"--raylet_socket_name={session}/sockets/raylet",
        f"--session_dir={session}",
        f"--gcs-address={address}",
    ]


PRIVATE = raylet("127.0.0.1:1111", "/tmp/amc-ray-0a1b2c3d/session_2026")
PUBLIC = raylet("10.0.0.1:6379", "/tmp/ray/session_2026")
OTHERS = [["bash"], [""], [], ["python", "--gcs-address=10.9.9.9:1"]]


@pytest.fixture(autouse=True)
def _no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def test_auto_joins_a_cluster_and_never_a_private_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    assert running_cluster([*OTHERS, PRIVATE, PUBLIC, PUBLIC]) == "10.0.0.1:6379"
    with pytest.raises(UserError, match="no Ray cluster runs on this machine; start one with `ray start --head`"):
        running_cluster([*OTHERS, PRIVATE])
    second = raylet("10.0.0.1:7000", "/scratch/ray/session_2027")
    with pytest.raises(UserError, match=r"several Ray clusters: give one of 10\.0\.0\.1:6379, 10\.0\.0\.1:7000"):
        running_cluster([PUBLIC, second])
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.7:6379")
    assert running_cluster([PUBLIC]) == "10.0.0.7:6379"


def test_auto_without_a_cluster_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "_commands", lambda: [PRIVATE])
    with pytest.raises(UserError, match="--address auto: no Ray cluster runs on this machine"):
        join_cluster("auto")


def test_a_study_says_once_that_it_waits_for_room(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(start_problems.ray, "cluster_resources", lambda: {"CPU": 8.0, "GPU": 1.0})
    monkeypatch.setattr(start_problems.ray, "available_resources", lambda: {"CPU": 2.0})
    check = StartCheck(None, TRIAL)
    assert [check(waited) for waited in (0.0, 5.0, 11.0, 12.0, 10_000.0)] == [""] * 5
    assert capsys.readouterr().err == (
        "waiting for room on the cluster: 2 of 8 CPU cores and 0 of 1 GPUs are free, and a trial needs 4 and 0.5\n"
    )
    check(0.0)
    check(11.0)
    assert "waiting for room" in capsys.readouterr().err


def test_workers_that_die_at_their_start_end_the_study_with_their_last_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = tmp_path / "session_latest" / "logs"
    logs.mkdir(parents=True)
    check = StartCheck(tmp_path, TRIAL)
    assert check(DIED_SECONDS + 1) == ""  # none has died
    (logs / "raylet.err").write_text(
        "bash: line 1: /no/such: No such file or directory\n[2026-11-29 E] probably it crashed during start.\n"
    )
    assert check(DIED_SECONDS - 1) == ""
    assert check(DIED_SECONDS + 5) == (
        "no worker can be started on this machine (its log: bash: line 1: /no/such: No such file or directory)"
    )
    assert capsys.readouterr().err == ""


def test_workers_that_take_long_are_told_of_and_given_up_in_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check = StartCheck(tmp_path, TRIAL)
    assert [check(SLOW_SECONDS + more) for more in (1, 10)] == ["", ""]
    assert capsys.readouterr().err == "no worker has started after 61 s: still waiting\n"
    assert check(MOST_SECONDS + 1) == "no worker has started after 301 s"


def test_a_cluster_that_ends_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "SILENT_SECONDS", 0.5)
    monkeypatch.setattr(clusters, "STOP_SECONDS", 0.2)
    said: list[str] = []
    server = socket.create_server(("127.0.0.1", 0))
    address = f"127.0.0.1:{server.getsockname()[1]}"
    watch = ClusterWatch(address, said.append, lambda reason: said.append(f"by force: {reason}"))
    watch.start()
    watch.join(2)
    assert watch.is_alive()
    assert said == []
    server.close()
    watch.join(60)
    reason = f"the Ray cluster at {address} has ended"
    assert said == [reason, f"by force: {reason}"]


def test_a_study_that_ends_in_time_is_not_ended_by_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "SILENT_SECONDS", 0.1)
    said: list[str] = []
    watch = ClusterWatch("127.0.0.1:9", lambda reason: watch.close(), said.append)
    watch.start()
    watch.join(60)
    assert said == []
