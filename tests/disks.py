"""A disk that is really full: a small file system of its own, where this user may make one."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, size: str, kind: str = "tmpfs") -> Iterator[Path]:
    """Yields `folder` as an empty file system of that size, such as `64k`; skips the test where none can be mounted.

    Args:
        kind: `tmpfs`, or `ext4` in a file beside the folder.
    """
    folder.mkdir()
    made = _ext4(folder, size) if kind == "ext4" else mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    if made.returncode != 0:
        pytest.skip(f"this user may mount no {kind} ({made.stderr.strip()}), so no disk can be filled")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _ext4(folder: Path, size: str) -> subprocess.CompletedProcess[str]:
    image = folder.with_name(f"{folder.name}.ext4")
    if shutil.which("mkfs.ext4") is None:
        return subprocess.CompletedProcess([], 1, "", "mkfs.ext4 is not installed")
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", str(image), size], check=True)
    mounted = mount("-o", "loop", str(image), str(folder))
    if mounted.returncode == 0:
        (folder / "lost+found").rmdir()
    return mounted


def mount(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `mount`; where there is no such program, it fails."""
    try:
        return subprocess.run(["mount", *arguments], capture_output=True, text=True)
    except FileNotFoundError as error:
        return subprocess.CompletedProcess([], 1, "", str(error))
