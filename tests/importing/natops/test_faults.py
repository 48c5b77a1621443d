"""What the importer of NATOPS makes of damaged videos, and of its own sudden end."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from amc.cli.data import main
from amc.data.clipfile import check
from amc.importing.natops.source_files import NatopsVideo
from amc.importing.natops.worker_jobs import DecodedVideo, decode_video
from amc.importing.video.decoding import UnreadableVideo
from amc.processes import WorkerDied, crash_safe_map
from tests.importing.made_videos import write_video
from tests.importing.natops.made_natops import natops, pictures

ROOT = Path(__file__).parents[3]
PATIENCE = 300.0  # seconds


def _film(path: Path) -> NatopsVideo:
    return NatopsVideo(1, 1, path, None, path.name)


def test_any_damage_to_a_video_is_a_reason_not_to_use_it(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.avi", pictures(30), rate=20).read_bytes()
    random = np.random.default_rng(0)
    videos = []
    for i in range(60):
        content = bytearray(whole)
        for at in random.integers(0, len(content) if i % 2 else 4096, 1 + i % 5):
            content[at] = random.integers(256)
        if i % 3 == 0:
            del content[random.integers(len(content)) :]
        path = tmp_path / f"damaged_{i}.avi"
        path.write_bytes(content)
        videos.append(_film(path))
    seen = list(crash_safe_map(partial(decode_video, scratch=tmp_path, estimate=False), videos, 2))
    assert len(seen) == 60
    assert all(isinstance(each, DecodedVideo | UnreadableVideo | WorkerDied) for each in seen)
    assert any(isinstance(each, UnreadableVideo) and each.reason for each in seen)
    # Damage to a few bits may go unnoticed, but what is used has all its frames.
    assert all(each.facts.frames > 26 for each in seen if isinstance(each, DecodedVideo))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = natops(Path(tmp_path_factory.mktemp("natops")) / "natops", subjects=(1, 2, 3))
    shutil.make_archive(str(root / "gesture02"), "zip", root, "data/gesture02")
    shutil.rmtree(root / "data" / "gesture02")
    return root


def _prepare(root: Path, out: Path) -> list[str]:
    arguments = ["prepare", "natops", str(root), "--out", str(out), "--keypoints", str(root.with_name("joints.csv"))]
    return [sys.executable, "-m", "amc.data", *arguments, "--frames", "8", "--size", "32", "--workers", "2"]


@pytest.mark.parametrize("moment", ["amc-natops-*/*", ".out.h5.partial"])
def test_killed_and_run_again(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """Killed while videos are unpacked and looked at, or while clips are written."""
    monkeypatch.setenv("AMC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    out, whole = tmp_path / "out.h5", tmp_path / "whole.h5"
    process = subprocess.Popen(_prepare(made, out), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    end = time.monotonic() + PATIENCE
    while not list(tmp_path.glob(moment)) and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.002)
    process.kill()
    process.communicate()
    if process.returncode == 0:
        out.unlink()  # it was quicker than this test
    assert not out.exists()
    for path in (out, whole):
        assert main(_prepare(made, path)[3:]) == 0
    assert check(out, content=True).info.fingerprint == check(whole).info.fingerprint
    assert not list(tmp_path.glob(".out.h5*"))
