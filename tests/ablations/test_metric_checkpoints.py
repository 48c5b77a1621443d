"""What a user gives for an ablation's scores is checked before anything is trained."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ablations.metric_checkpoints import NONE, MetricCheckpoints, load_checkpoints, with_recorded
from amc.config import natops
from amc.errors import UserError
from amc.models.i3d import I3D
from amc.models.lpips import LpipsNetwork
from tests.evaluation.metrics.made_weights import written
from tests.toy import toy_data


def test_files_are_read_once_and_named_by_their_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lpips, fvd = written(Path("lpips.safetensors"), LpipsNetwork()), written(Path("i3d.safetensors"), I3D())
    assert load_checkpoints(None, None).paths == {}
    assert load_checkpoints(lpips, fvd).digests == {
        "lpips": hashlib.sha256(lpips.read_bytes()).hexdigest(),
        "fvd": hashlib.sha256(fvd.read_bytes()).hexdigest(),
    }
    assert load_checkpoints(lpips, fvd).paths == {
        "lpips": str(tmp_path / "lpips.safetensors"),
        "fvd": str(tmp_path / "i3d.safetensors"),
    }
    with pytest.raises(UserError, match=r"--fvd lpips\.safetensors lacks"):
        load_checkpoints(None, lpips)
    with pytest.raises(UserError, match=r"--lpips none\.safetensors: file not found"):
        load_checkpoints(Path("none.safetensors"), None)


def test_a_study_goes_on_with_what_it_was_scored_with(tmp_path: Path) -> None:
    path = written(tmp_path / "lpips.safetensors", LpipsNetwork())
    asked = load_checkpoints(path, None)
    known = {**asked.paths, "digests": asked.digests, "seeds": 3}
    nothing = load_checkpoints(None, None)
    assert with_recorded(nothing, [], known) == asked
    assert with_recorded(asked, [], {"seeds": 3}) == asked
    assert load_checkpoints(NONE, None) == nothing == with_recorded(nothing, ["lpips"], known)
    written(path, LpipsNetwork(), seed=1)
    with pytest.raises(UserError, match=r"has changed; the study was scored with --lpips .*none"):
        with_recorded(nothing, [], known)
    path.unlink()
    with pytest.raises(UserError, match=r"file not found.*provide that file again, or give --lpips none"):
        with_recorded(nothing, [], known)


def test_clips_that_are_too_short_for_fvd() -> None:
    given = MetricCheckpoints({"fvd": "/i3d.safetensors"})
    given.check(natops("compact"), toy_data())
    with pytest.raises(UserError, match="needs clips of at least 9 frames, these have 7"):
        given.check(natops("smoke"), toy_data())
    MetricCheckpoints({"lpips": "/lpips.safetensors"}).check(natops("smoke"), toy_data())


def test_a_study_goes_on_with_its_extractor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing, asked = load_checkpoints(None, None), load_checkpoints(None, None, "regressor")
    assert asked.settings() == {"extractor": "regressor"}
    assert with_recorded(nothing, [], asked.settings()) == asked
    assert load_checkpoints(None, None, "none") == nothing == with_recorded(nothing, ["extractor"], asked.settings())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tables").mkdir()
    assert load_checkpoints(None, None, "openface:tables").extractor == f"openface:{tmp_path / 'tables'}"
    with pytest.raises(UserError, match="unknown extractor 'openpose'"):
        load_checkpoints(None, None, "openpose")
    gone = {"extractor": f"openface:{tmp_path / 'gone'}"}
    with pytest.raises(UserError, match=r"missing or not executable.*or give --extractor none"):
        with_recorded(nothing, [], gone)


def test_data_without_keypoints_are_refused_before_anything_is_trained() -> None:
    data = toy_data()
    none = replace(data, clips=replace(data.clips, keypoints_valid=np.zeros_like(data.clips.keypoints_valid)))
    with pytest.raises(UserError, match=r"have no keypoints, .* --keypoints"):
        MetricCheckpoints({}, extractor="regressor").check(natops("smoke"), none)
    MetricCheckpoints({}).check(natops("smoke"), none)
