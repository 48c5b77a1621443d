from __future__ import annotations

from pathlib import Path

import pytest

from tuning.workers import halt
from tuning.workers.halt import Asked, Halt


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halt, "EVERY", 0.0)


def test_a_trial_hears_its_driver(tmp_path: Path) -> None:
    driver = Halt(tmp_path / "toy" / ".halt")
    asked = Asked(driver.path, driver.token)
    assert not asked()
    driver.ask()
    assert asked()


def test_another_driver_means_stop_for_the_trials_of_the_one_before(tmp_path: Path) -> None:
    first = Halt(tmp_path / ".halt")
    left, second = Asked(first.path, first.token), Halt(tmp_path / ".halt")
    assert left()
    assert not Asked(second.path, second.token)()


@pytest.mark.parametrize("content", [None, "", "half a wor", b"\xff\xfe"])
def test_a_file_that_says_nothing_asks_for_nothing(tmp_path: Path, content: str | bytes | None) -> None:
    path = tmp_path / ".halt"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert not Asked(path, "token")()


def test_asking_needs_no_room(tmp_path: Path) -> None:
    driver = Halt(tmp_path / ".halt")
    size = driver.path.stat().st_size
    driver.ask()
    assert driver.path.stat().st_size == size
