"""A disk that fills up while HDF5 writes: one line, no partial file and no crash, wherever it happens."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from amc.data import hdf5_output
from amc.data.clipfile import check
from amc.errors import UserError
from tests.data.test_clipfile import clip, write
from tests.disks import small_disk


@pytest.mark.parametrize(("kind", "size"), [("tmpfs", "20k"), ("tmpfs", "60k"), ("tmpfs", "200k"), ("ext4", "200k")])
def test_a_full_disk(tmp_path: Path, kind: str, size: str) -> None:
    with small_disk(tmp_path / "disk", size, kind) as disk:
        command = [sys.executable, "-m", "amc.data", "synthesize", "natops", "--preset", "smoke", "--clips", "300"]
        done = subprocess.run([*command, "--workers", "1", "--out", str(disk / "a.h5")], capture_output=True, text=True)
        errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert done.returncode == 2, done.stderr
        assert errors == [
            f"error: cannot write {disk / 'a.h5'}: No space left on device; free some space or choose another disk"
        ]
        assert "Traceback" not in done.stderr
        assert not list(disk.iterdir())


def _fails_at(monkeypatch: pytest.MonkeyPatch, number: int, fail: Callable[[], None]) -> list[int]:
    """Makes write `number` fail, and all after it; returns a list that grows with each write."""
    writes: list[int] = []
    write_all = os.pwrite

    def pwrite(descriptor: int, data: bytes, offset: int) -> int:
        writes.append(len(data))
        if len(writes) > number:
            fail()
        return write_all(descriptor, data, offset)

    monkeypatch.setattr(hdf5_output.os, "pwrite", pwrite)
    return writes


def _full() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def _interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def test_every_write_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = [clip(i) for i in range(6)]
    with monkeypatch.context() as patch:
        writes = _fails_at(patch, 10**6, _full)
        check(write(tmp_path / "a.h5", clips), content=True)
    (tmp_path / "a.h5").unlink()
    assert len(writes) > 10
    for number in range(len(writes)):
        with monkeypatch.context() as patch:
            _fails_at(patch, number, _full)
            with pytest.raises(UserError, match=r"a\.h5: No space left on device; free some space"):
                write(tmp_path / "a.h5", clips)
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [0, 3, 9, 12])
def test_ctrl_c_during_a_write_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    _fails_at(monkeypatch, number, _interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "a.h5", [clip(i) for i in range(6)])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"video,frame,x_0,y_0\n", b"\x89HDF\r\n\x1a\n and no more"])
def test_another_file_is_not_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.h5"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.h5 exists and is not a clip file, so it is not replaced: give another"):
        write(path, [clip(0)])
    assert path.read_bytes() == content
    path.write_bytes(b"")  # as mktemp makes it
    write(path, [clip(0)])
    check(write(path, [clip(1)]))
