"""Atomic writes: the file is complete or as it was, and nothing is left beside it."""

from __future__ import annotations

import os
from pathlib import Path

import av
import pytest

from amc.atomic import atomic_write


@pytest.mark.parametrize("fsync", [False, True])
@pytest.mark.parametrize("exclusive", [False, True])
def test_a_file_appears_when_it_is_complete(tmp_path: Path, exclusive: bool, fsync: bool) -> None:
    path = tmp_path / "file"
    with atomic_write(path, exclusive=exclusive, fsync=fsync) as partial:
        partial.write_text("content")
        assert not path.exists()
        assert partial.name.startswith(".file.")
        assert partial.suffix == ".partial"
    assert path.read_text() == "content"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_whose_file_name_cannot_be_set_is_raised_as_it_is(tmp_path: Path) -> None:
    """PyAV's errors are OSErrors with a read-only file name."""

    def fail() -> None:
        with atomic_write(tmp_path / "film.mp4"):
            raise av.error.classes[28](28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fail()
    assert not list(tmp_path.iterdir())


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail() -> None:
        with atomic_write(path) as partial:
            partial.write_text("new")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left") as raised:
        fail()
    assert str(path) in str(raised.value)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_rename_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"), atomic_write(tmp_path / "file") as partial:
        partial.write_text("new")
    assert list(tmp_path.iterdir()) == []


def test_the_exclusive_writer_deletes_what_a_killed_one_left(tmp_path: Path) -> None:
    left = tmp_path / ".file.partial"
    left.write_text("half")
    with atomic_write(tmp_path / "file", exclusive=True) as partial:
        assert partial == left
        assert left.read_bytes() == b""
        partial.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_two_exclusive_writers_do_not_mix(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "file", exclusive=True) as partial:
        partial.write_text("first")
        with pytest.raises(BlockingIOError, match="another process"), atomic_write(tmp_path / "file", exclusive=True):
            pytest.fail("both write")
        assert partial.read_text() == "first"
    with atomic_write(tmp_path / "file", exclusive=True) as partial:
        partial.write_text("second")
    assert (tmp_path / "file").read_text() == "second"
