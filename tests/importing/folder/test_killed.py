"""`prepare folder` killed at any moment leaves no process and no half file, and the next run gives the same file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from amc.data.clipfile import check
from tests.importing.made_videos import FAKE_WORKER, fake_interpreter, folder_of_videos
from tests.importing.running import alive, children, needs_proc, wait_for

SHORT = ("--frames", "8", "--size", "16", "--workers", "2")


def _start(root: Path, out: Path, folder: Path) -> subprocess.Popen[str]:
    environment = os.environ | {
        "AMC_CACHE": str(folder / "cache"),
        "AMC_POSE_PYTHON": str(fake_interpreter(folder / "python", FAKE_WORKER)),
    }
    command = [sys.executable, "-m", "amc.data", "prepare", "folder", str(root), "--out", str(out), *SHORT]
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )


def _kill(process: subprocess.Popen[str], moment: Callable[[], bool]) -> None:
    """Kills it then, or when it is done, and waits for the end of all that it started."""
    wait_for(lambda: moment() or process.poll() is not None)
    started = children(process.pid)
    process.kill()
    process.communicate()
    wait_for(lambda: not any(map(alive, started)))


@needs_proc
def test_killed_and_run_again(tmp_path: Path) -> None:
    root, whole = folder_of_videos(tmp_path / "v", performers=4), tmp_path / "whole.h5"
    first = _start(root, whole, tmp_path / "1")
    said, complaints = first.communicate()
    assert first.returncode == 0, complaints
    assert "40 clips of 8 frames" in said

    out = tmp_path / "c.h5"
    poses = tmp_path / "2" / "cache" / "pose"
    for moment in (
        lambda: len(list(poses.glob("*.csv"))) > 3,
        lambda: (tmp_path / ".c.h5.partial").exists() or out.exists(),
    ):
        _kill(_start(root, out, tmp_path / "2"), moment)
    last = _start(root, out, tmp_path / "2")
    _, complaints = last.communicate()
    assert last.returncode == 0, complaints
    assert check(out, content=True).info == check(whole).info
    assert not list(tmp_path.glob(".c.h5*"))
