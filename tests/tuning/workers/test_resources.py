"""What `--workers`, `--cpus-per-trial` and `--gpus-per-trial` leave open is divided evenly."""

from __future__ import annotations

import pytest

from amc.errors import UserError
from tuning.workers import resources as module
from tuning.workers.resources import Resources, machine_resources


@pytest.fixture(autouse=True)
def _eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "cores", lambda: 8)


@pytest.mark.parametrize(
    ("workers", "cpus", "found"),
    [(None, None, (8, 1)), (1, None, (1, 8)), (3, None, (3, 2)), (None, 3, (2, 3)), (2, 3, (2, 3)), (8, None, (8, 1))],
)
def test_cores_are_divided(workers: int | None, cpus: int | None, found: tuple[int, int]) -> None:
    assert machine_resources(workers, cpus, None, devices=0) == Resources(*found, 0.0)


def test_gpus_bound_the_workers() -> None:
    assert machine_resources(None, None, None, devices=2) == Resources(2, 1, 1.0)
    assert machine_resources(None, None, 0.5, devices=2) == Resources(4, 1, 0.5)
    assert machine_resources(None, 4, 0.5, devices=2) == Resources(2, 4, 0.5)


@pytest.mark.parametrize(
    ("workers", "cpus", "gpus", "message"),
    [
        (9, None, 0.0, "--workers 9: this machine has room for 8"),
        (None, 9, None, "--cpus-per-trial 9: this machine has 8 CPU cores"),
        (3, 4, None, "--workers 3: this machine has room for 2"),
        (None, None, 1.5, "give a whole number, or a fraction below 1"),
        (None, None, 3.0, "--gpus-per-trial 3: this machine has 2 GPUs"),
    ],
)
def test_more_than_there_is(workers: int | None, cpus: int | None, gpus: float | None, message: str) -> None:
    with pytest.raises(UserError, match=message):
        machine_resources(workers, cpus, gpus, devices=2)
