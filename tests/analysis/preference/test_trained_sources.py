"""A study from trained runs: the same conditions for all of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from amc import __main__ as amc_main
from analysis import __main__ as analysis_main
from analysis.preference.clips import ClipStore
from analysis.preference.design import read_design


@pytest.mark.slow
def test_runs_and_trials_are_shown_under_the_same_conditions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in ("0", "1"):
        train = ["train", "--dataset", "natops", "--preset", "smoke", "--steps", "3", "--seed", seed]
        assert amc_main.main([*train, "--out", str(tmp_path / f"run{seed}")]) == 0
    attempt = tmp_path / "studies" / "search" / "checkpoints" / "trial-0004" / "attempt-2"
    shutil.copytree(tmp_path / "run1", attempt)
    sources = ["--source", f"amc={tmp_path / 'run0'}", "--source", "trial=search:trial-0004"]
    command = ["preference", "create", *sources, "--runs", str(tmp_path / "studies"), "--labels", "both", "--naming"]
    assert analysis_main.main([*command, "--conditions", "8", "--out", str(tmp_path / "study")]) == 0
    design, store = read_design(tmp_path / "study"), ClipStore(tmp_path / "study")
    assert [source.name for source in design.sources] == ["amc", "trial", "truth"]
    assert design.dataset == "natops"
    for i in range(8):
        amc, trial, truth = (store.frames(source.clips[i]).astype(int) for source in design.sources)
        # All start with the real first frame; encoding changes pixels a little.
        assert np.abs(amc[0] - truth[0]).mean() < 3
        assert np.abs(trial[0] - truth[0]).mean() < 3
        assert np.abs(amc[1:] - trial[1:]).mean() > 0
    capsys.readouterr()
    assert analysis_main.main([*command, "--conditions", "100000", "--out", str(tmp_path / "large")]) == 2
    error = capsys.readouterr().err
    assert "the test split has" in error
    assert error.count("\n") == 1
