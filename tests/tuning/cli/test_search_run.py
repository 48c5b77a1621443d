"""The real command on a real file of tiny clips, from another folder, twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.toy import write_toy_file
from tuning.cli.search import main
from tuning.tracking.store import default_store, open_store

SCRIPT = Path(__file__).resolve().parents[3] / "tuning" / "run_search.py"
pytestmark = pytest.mark.filterwarnings("default")  # MLflow's own


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_file(Path(tmp_path_factory.mktemp("data")) / "squares.h5")


def search(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, str(SCRIPT), *arguments, "--preset", "smoke"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def test_a_search_and_the_same_command_again(
    tmp_path: Path, clips: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--data", str(clips), "--trials", "2", "--confirm-seeds", "1", "--json"]
    first = search(tmp_path, *arguments)
    assert first.returncode == 0, first.stderr
    found = json.loads(first.stdout)
    folder = tmp_path / "runs" / "squares-smoke-search"
    assert json.loads((folder / "summary.json").read_text()) == found
    assert found["dataset"]["origin"] == "folder"
    assert found["dataset"]["clips"] == 48
    assert len(found["trials"]) == 2
    assert found["trials"][0]["params"]["weights.rank"] == 100.0
    assert all(trial["state"] in ("COMPLETE", "PRUNED") for trial in found["trials"])
    assert found["confirm"]["runs"][0]["scores"]["test/clips"] == found["dataset"]["split"]["test"]
    lines = first.stderr.splitlines()
    assert any(f"{sys.executable} -m mlflow ui --backend-store-uri sqlite:///" in line for line in lines)
    assert any("origin=folder" in line for line in lines)
    client = open_store(default_store(tmp_path / "runs"), tmp_path / "runs")
    place = client.get_experiment_by_name("squares-smoke-search")
    assert place is not None
    runs = client.search_runs([place.experiment_id])
    assert sorted(run.data.tags["amc.role"] for run in runs) == ["confirm", "study", "trial", "trial"]
    assert "RUNNING" not in {run.info.status for run in runs}
    pictures = [file.path for file in client.list_artifacts(found["best"]["mlflow_run_id"], "samples")]
    assert pictures == ["samples/clips.gif", "samples/figure3.png", "samples/strip.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]  # no mlruns, nothing of Ray's
    again = search(tmp_path, *arguments)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout) == found
    monkeypatch.chdir(tmp_path)
    assert main([*arguments, "--preset", "smoke", "--seed", "4"]) == 2
    assert "is on record with other settings (seed 0 there, 4 here" in capsys.readouterr().err
