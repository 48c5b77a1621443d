"""Checkpoint files: atomic, versioned, and clear about what is wrong with them."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from amc.errors import UserError
from amc.training import checkpoint


def write(path: Path) -> None:
    checkpoint.save(path, {"a.weight": torch.arange(1000.0)}, {"step": 3, "curve": []})


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    write(tmp_path / "c")
    loaded = checkpoint.load(tmp_path / "c")
    assert loaded.header["step"] == 3
    assert torch.equal(loaded.tensors["a.weight"], torch.arange(1000.0))
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


def test_a_missing_file_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no checkpoint at"):
        checkpoint.load(tmp_path / "none")


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_cut_or_foreign_file_is_a_clear_error(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("cut") / "c"
    write(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(UserError, match="checkpoint"):
        checkpoint.load(path)


def test_another_version_is_refused_by_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "VERSION", 99)
    write(tmp_path / "c")
    monkeypatch.undo()
    with pytest.raises(UserError, match="found 99"):
        checkpoint.load(tmp_path / "c")


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    write(tmp_path / "c")
    before = (tmp_path / "c").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, hard))  # writes past it fail as on a full disk
    try:
        with pytest.raises(OSError, match=r".+"):
            checkpoint.save(tmp_path / "c", {"a.weight": torch.zeros(100_000)}, {"step": 4})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / "c").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["c"]
