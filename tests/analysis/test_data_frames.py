from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import analysis
from amc.config import Config
from amc.errors import UserError
from analysis.record.states import COMPLETE
from analysis.record.writing import RecordWriter
from tests.tuning.toy_rows import study_row, trial_row

ROOT = Path(__file__).resolve().parents[2]


def test_frames_of_an_ablation_study(made_runs: Path) -> None:
    study = analysis.open_study(made_runs / "made")
    assert study.study.preset == "smoke"
    assert len(study.trials) == 30  # ten arms, three seeds
    done = study.trials[study.trials.state == "COMPLETE"]
    assert set(done["params.arm"]) >= {"ours", "no_ya"}
    assert str(study.trials.created.dtype) == "datetime64[ns, UTC]" or "UTC" in str(study.trials.created.dtype)
    last = study.reports.groupby("key")["val/accuracy"].last()
    assert last.loc[done.key].tolist() == pytest.approx(done["values.val/accuracy"].tolist())
    scores = study.scores.set_index("key")
    assert scores.loc[done.key, "accuracy"].tolist() == pytest.approx(done["scores.test/accuracy"].tolist())
    assert "reference:real" in scores.index
    clips = study.clips
    means = (clips.label == clips.predicted).groupby(clips.key).mean()
    assert means.loc[done.key].tolist() == pytest.approx(scores.loc[done.key, "accuracy"].tolist())
    assert clips.groupby("key").psnr.mean().loc[done.key].tolist() == pytest.approx(
        scores.loc[done.key, "psnr"].tolist()
    )
    table = study.tables["table4"].set_index("arm")
    ours = done[done["params.arm"] == "ours"]["scores.test/accuracy"].mean()
    assert table.loc["ours", "mean"] == pytest.approx(100 * ours)
    assert {"metrics", "recall", "cost"} <= set(study.tables)


def test_frames_of_a_search(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    record.add_trial(trial_row(base))
    record.add_trial(trial_row(base, 1, params={}))
    record.begin("toy", "trial-0000")
    record.report("toy", "trial-0000", 1, 10, {"val/accuracy": 0.5, "loss/gan": 2.0})
    record.finish("toy", "trial-0000", 1, COMPLETE)
    for address in (tmp_path / "toy", tmp_path / "toy" / "record.db", f"sqlite:///{tmp_path}/toy/record.db"):
        study = analysis.open_study(address)
        assert study.trials["values.val/accuracy"].dropna().tolist() == [0.5]
        assert study.trials["params.weights.gan"].isna().tolist() == [False, True]
    assert study.reports[["key", "step", "loss/gan"]].to_numpy().tolist() == [["trial-0000", 10, 2.0]]
    assert study.scores.empty
    assert study.clips.empty
    assert list(study.tables) == ["trials"]


def test_a_study_without_trials_has_the_columns_of_one(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    empty = analysis.open_study(tmp_path / "toy").trials
    assert empty.empty
    record.add_trial(trial_row(base))
    found = analysis.open_study(tmp_path / "toy").trials.columns.tolist()
    assert empty.columns.tolist() == found[: len(empty.columns)]
    assert all(name.startswith(("values.", "params.", "scores.")) for name in found[len(empty.columns) :])


def test_a_study_is_shown_without_its_password(record: RecordWriter, tmp_path: Path) -> None:
    study = analysis.open_study(tmp_path / "toy")
    assert repr(study) == f"StudyData('toy' in {tmp_path}/toy/record.db: 0 trials, 0 reports)"
    on_server = replace(study, address="postgresql://ann:secret@db.example/studies")
    assert repr(on_server) == "StudyData('toy' in postgresql://ann@db.example/studies: 0 trials, 0 reports)"


def test_which_study(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    path = tmp_path / "toy" / "record.db"
    record.create_study(study_row(base, "other"))
    with pytest.raises(
        UserError, match=r"which study of .*\? Give its name as the second argument \(found: toy, other\)"
    ):
        analysis.open_study(path)
    assert analysis.open_study(path, "other").study.name == "other"
    with pytest.raises(UserError, match=r"no study 'nothing' in .*: (toy, other|other, toy)"):
        analysis.open_study(path, "nothing")
    with pytest.raises(UserError, match="there is no study record at"):
        analysis.open_study(tmp_path / "missing")


def test_the_example_of_the_documentation(made_runs: Path) -> None:
    """Runs as it is printed, on another study; neither torch nor Ray is imported."""
    text = (ROOT / "docs" / "studies.md").read_text()
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", text, flags=re.S) if "open_study" in block)
    code = code.replace("runs/natops-compact-table4", str(made_runs / "made"))
    code += "\nimport sys\nassert not {'torch', 'ray', 'optuna', 'mlflow'} & set(sys.modules), sys.modules\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert "ours" in done.stdout


def test_frames_can_be_stored(made_runs: Path, tmp_path: Path) -> None:
    study = analysis.open_study(made_runs / "made")
    for name in ("trials", "reports", "scores", "clips"):
        frame = getattr(study, name)
        frame.to_parquet(tmp_path / "x.parquet")
        stored = pd.read_parquet(tmp_path / "x.parquet")
        assert stored.columns.tolist() == frame.columns.tolist()
        assert (stored.isna() == frame.isna()).all(axis=None)
        assert ((stored == frame) | frame.isna()).all(axis=None)
