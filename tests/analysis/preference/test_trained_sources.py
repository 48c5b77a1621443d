"""A study from trained runs: the same conditions for all of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amc import __main__ as amc_main
from analysis import __main__ as analysis_main
from analysis.preference import sources
from analysis.preference.clips import ClipStore
from analysis.preference.design import read_design
from analysis.preference.sources import CHECKPOINT, TEST_CLIPS


def _generated(**changed: object) -> dict[str, Any]:
    """What `python -m amc generate --test-clips 3` writes for clips of 4 frames of 16 x 16 pixels."""
    frames = np.zeros((3, 4, 16, 16, 3), dtype=np.uint8)
    plain = {
        "clip": np.array([2, 5, 7]),
        "class_names": np.array(["nod", "wave"]),
        "label": np.array([0, 1, 0]),
        "dataset": np.array("natops"),
        "fingerprint": np.array("a1b2"),
        "velocity_of": np.array([0, 3, 4]),
        "generated": frames,
        "truth": frames,
    }
    return plain | changed


_UNEQUAL = "differs from the runs before it in data, classes, test clips or velocities"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"fingerprint": np.array("c3d4")}, _UNEQUAL),
        ({"class_names": np.array(["nod", "shake"])}, _UNEQUAL),
        ({"clip": np.array([2, 5, 8])}, _UNEQUAL),
        ({"velocity_of": np.array([0, 3, 5])}, _UNEQUAL),
        (
            {"generated": np.zeros((3, 4, 32, 32, 3), dtype=np.uint8)},
            "4 frames of 32 x 32 pixels, but the first real clip has 4 frames of 16 x 16 pixels; make them equal",
        ),
        (
            {"generated": np.zeros((3, 6, 16, 16, 3), dtype=np.uint8)},
            "6 frames of 16 x 16 pixels, but the first real clip has 4 frames of 16 x 16 pixels; make them equal",
        ),
    ],
)
def test_runs_under_unequal_conditions_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changed: dict[str, object],
    message: str,
) -> None:
    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        content = _generated(**(changed if command[4] == str(tmp_path / "other") else {}))
        np.savez(Path(command[command.index("--out") + 1]) / TEST_CLIPS, **content)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(sources.subprocess, "run", run)
    for name in ("one", "same", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / CHECKPOINT).touch()
    command = ["preference", "create", "--conditions", "3", "--out", str(tmp_path / "study")]
    command += ["--source", f"one={tmp_path / 'one'}"]
    assert analysis_main.main([*command, "--source", f"other={tmp_path / 'other'}"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert "other" in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "other", "same"]
    assert analysis_main.main([*command, "--source", f"same={tmp_path / 'same'}"]) == 0


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
