"""Checkpoint folders of attempts."""

from __future__ import annotations

from pathlib import Path

from tuning.workers.attempts import copy_previous_attempt


def test_a_new_attempt_starts_from_a_copy_of_the_newest_earlier_one(tmp_path: Path) -> None:
    for attempt in (1, 2):
        (tmp_path / f"attempt-{attempt}").mkdir()
        (tmp_path / f"attempt-{attempt}" / "checkpoint").write_text(str(attempt))
    (tmp_path / "attempt-2" / ".checkpoint.123").write_text("half")
    (tmp_path / "attempt-3").mkdir()  # died before its first checkpoint
    assert copy_previous_attempt(tmp_path / "attempt-4") == tmp_path / "attempt-2"
    assert [(path.name, path.read_text()) for path in (tmp_path / "attempt-4").iterdir()] == [("checkpoint", "2")]
    (tmp_path / "attempt-2" / "checkpoint").write_text("its worker was still alive")
    assert (tmp_path / "attempt-4" / "checkpoint").read_text() == "2"
