from __future__ import annotations

from pathlib import Path

import pytest

from amc.errors import UserError
from tuning.workers import pause_file
from tuning.workers.pause_file import PauseCheck, PauseFile


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pause_file, "CHECK_SECONDS", 0.0)


def test_a_trial_hears_its_driver(tmp_path: Path) -> None:
    driver = PauseFile(tmp_path / "toy")
    asked = PauseCheck(driver.path, "trial-0000", 1)
    assert not asked()
    driver.request_pause()
    assert asked()
    driver.close()
    assert asked()  # what was said stays said
    assert not list((tmp_path / "toy").iterdir())


def test_one_attempt_is_asked_to_stop(tmp_path: Path) -> None:
    driver = PauseFile(tmp_path)
    driver.request_stop("trial-0000", 1)
    driver.request_stop("trial-00", 2)
    driver.request_pause()
    driver.request_continue()
    asked = {(key, n): PauseCheck(driver.path, key, n)() for key in ("trial-0000", "trial-00") for n in (1, 2)}
    assert [name for name, answer in asked.items() if answer] == [("trial-0000", 1), ("trial-00", 2)]


def test_a_line_that_is_being_written_says_nothing(tmp_path: Path) -> None:
    driver = PauseFile(tmp_path)
    with driver.path.open("ab") as file:
        file.write(b"trial-0000 1")
    assert not PauseCheck(driver.path, "trial-0000", 1)()


def test_no_trial_takes_another_drivers_word(tmp_path: Path) -> None:
    first = PauseFile(tmp_path)
    left = PauseCheck(first.path, "trial-0000", 1)
    first.request_pause()
    second = PauseFile(tmp_path)  # the first was killed; its file goes
    assert not PauseCheck(second.path, "trial-0000", 1)()
    assert list(tmp_path.iterdir()) == [second.path]
    assert not left()


@pytest.mark.parametrize("content", [b"", b"sto", b"\xff\xfe"])
def test_a_file_that_says_nothing_asks_for_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pause").write_bytes(content)
    assert not PauseCheck(tmp_path / "pause", "trial-0000", 1)()


def test_asking_needs_no_room(tmp_path: Path) -> None:
    driver = PauseFile(tmp_path)
    size = driver.path.stat().st_size
    driver.request_pause()
    assert driver.path.stat().st_size == size


def test_a_folder_that_cannot_be_written_is_one_line() -> None:
    with pytest.raises(UserError, match="rerun the same command"):
        PauseFile(Path("/proc/study"))
