"""What a user gives for an ablation's scores is checked before anything is trained."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ablations.judging import Options, checked_options
from amc.config import natops
from amc.errors import UserError
from amc.models.i3d import I3D
from amc.models.lpips import LpipsNetwork
from tests.evaluation.made_weights import written


def test_files_are_read_once_and_named_by_their_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lpips, fvd = written(Path("lpips.safetensors"), LpipsNetwork()), written(Path("i3d.safetensors"), I3D())
    assert checked_options(None, None).named == {}
    assert checked_options(lpips, fvd).digests == {
        "lpips": hashlib.sha256(lpips.read_bytes()).hexdigest(),
        "fvd": hashlib.sha256(fvd.read_bytes()).hexdigest(),
    }
    assert checked_options(lpips, fvd).named == {
        "lpips": str(tmp_path / "lpips.safetensors"),
        "fvd": str(tmp_path / "i3d.safetensors"),
    }
    with pytest.raises(UserError, match=r"--fvd lpips\.safetensors lacks"):
        checked_options(None, lpips)
    with pytest.raises(UserError, match=r"--lpips none\.safetensors: there is no such file"):
        checked_options(Path("none.safetensors"), None)


def test_clips_that_are_too_short_for_fvd() -> None:
    given = Options({"fvd": "/i3d.safetensors"})
    given.check(natops("compact"))
    with pytest.raises(UserError, match="clips of 7 frames are too short"):
        given.check(natops("smoke"))
    Options({"lpips": "/lpips.safetensors"}).check(natops("smoke"))
