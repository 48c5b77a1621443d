"""A disk that is really full: a small file system of its own, where this user may make one."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Yields `folder` as a file system of that size, such as `64k`; skips the test where none can be mounted."""
    folder.mkdir()
    made = mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    if made.returncode != 0:
        pytest.skip(f"this user may mount no tmpfs ({made.stderr.strip()}), so no disk can be filled")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def mount(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `mount`; where there is no such program, it fails."""
    try:
        return subprocess.run(["mount", *arguments], capture_output=True, text=True)
    except FileNotFoundError as error:
        return subprocess.CompletedProcess([], 1, "", str(error))
