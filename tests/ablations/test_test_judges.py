"""What a user gives for an ablation's scores is checked before anything is trained."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ablations.test_judges import NONE, Options, checked_options, with_recorded
from amc.config import natops
from amc.errors import UserError
from amc.models.i3d import I3D
from amc.models.lpips import LpipsNetwork
from tests.evaluation.metrics.made_weights import written


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


def test_a_study_goes_on_with_what_it_was_scored_with(tmp_path: Path) -> None:
    path = written(tmp_path / "lpips.safetensors", LpipsNetwork())
    asked = checked_options(path, None)
    known = {**asked.named, "digests": asked.digests, "seeds": 3}
    nothing = checked_options(None, None)
    assert with_recorded(nothing, [], known) == asked
    assert with_recorded(asked, [], {"seeds": 3}) == asked
    assert checked_options(NONE, None) == nothing == with_recorded(nothing, ["lpips"], known)
    written(path, LpipsNetwork(), seed=1)
    with pytest.raises(UserError, match=r"is another file by now; the study was scored with --lpips .*none"):
        with_recorded(nothing, [], known)
    path.unlink()
    with pytest.raises(UserError, match=r"there is no such file.*give it again, or --lpips none"):
        with_recorded(nothing, [], known)


def test_clips_that_are_too_short_for_fvd() -> None:
    given = Options({"fvd": "/i3d.safetensors"})
    given.check(natops("compact"))
    with pytest.raises(UserError, match="clips of 7 frames are too short"):
        given.check(natops("smoke"))
    Options({"lpips": "/lpips.safetensors"}).check(natops("smoke"))
