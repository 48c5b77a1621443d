"""The real command on a real file of tiny clips, from another folder, twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import run_command
from tests.toy import write_toy_file
from tuning.cli.search import main
from tuning.tracking.store import default_store, open_store

SCRIPT = Path(__file__).resolve().parents[3] / "tuning" / "run_search.py"
STUDY = "squares-smoke-search"
WORK = ("making the ", "training the ")  # lines that tell how far a piece of work is
# Warnings are MLflow's own; a study gives up after 300 s without a worker, which its output must still show.
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_file(Path(tmp_path_factory.mktemp("data")) / "squares.h5")


def search(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command; standard error is in the output too, in the order of the lines."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, str(SCRIPT), *arguments, "--preset", "smoke"]
    return run_command(command, folder, seconds=500, environment=environment, merged=True)


def last_of_each_work(lines: list[str]) -> list[str]:
    """The lines without all but the last one on a piece of work: a slow machine reports progress more often."""
    following = [*lines[1:], ""]
    return [
        line
        for line, after in zip(lines, following, strict=True)
        if not line.startswith(WORK) or line.split(":")[0] != after.split(":")[0]
    ]


def check_output(printed: str, keys: set[str]) -> None:
    """Without a terminal a search prints few lines, at most two of them about a trial, and none of the libraries'."""
    lines = last_of_each_work(printed.splitlines())
    assert len(lines) <= 24, printed
    table = next(number for number, line in enumerate(lines) if line.startswith(f"{STUDY}: squares, origin=folder"))
    for key in keys:
        told = [line for line in lines[:table] if key in line]
        assert 1 <= len(told) <= 2, printed
        assert any(f"{key} {state}" in line for line in told for state in ("COMPLETE", "PRUNED"))


def test_a_search_and_the_same_command_again(
    tmp_path: Path, clips: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    points = clips.with_name("points.toml")
    points.write_text("[[points]]\nweights.rank = 30.0\n")
    arguments = ["--data", str(clips), "--trials", "2", "--pruner", "none", "--confirm-seeds", "1"]
    arguments += ["--try", str(points)]
    first = search(tmp_path, *arguments)
    assert first.returncode == 0, first.stdout
    folder = tmp_path / "runs" / STUDY
    found = json.loads((folder / "summary.json").read_text())
    assert found["dataset"]["origin"] == "folder"
    assert found["dataset"]["clips"] == 48
    assert len(found["trials"]) == 2
    # The point that was to be tried, then the base configuration.
    assert [trial["params"]["weights.rank"] for trial in found["trials"]] == [30.0, 100.0]
    assert [trial["tried"] for trial in found["trials"]] == [True, False]
    assert [line for line in first.stdout.splitlines() if "tried; " in line and "trial-0000" in line]
    assert all(trial["state"] in ("COMPLETE", "PRUNED") for trial in found["trials"])
    assert found["confirm"]["runs"][0]["scores"]["test/clips"] == found["dataset"]["split"]["test"]
    race = found["race"]
    raced = [run for finalist in race["finalists"] for run in finalist["runs"]]
    assert {run["key"]: run["state"] for run in raced} == {f"confirm-000{n}": "COMPLETE" for n in range(2)}
    assert len({run["seed"] for run in raced}) == 1  # the finalists are paired by seed
    assert found["best"]["key"] == found["confirm"]["of"] == race["winner"] == race["finalists"][0]["key"]
    keys = {run["key"] for run in [*found["trials"], *raced]}
    check_output(first.stdout, keys)
    lines = first.stdout.splitlines()
    assert any(f"{sys.executable} -m mlflow ui --backend-store-uri sqlite:///" in line for line in lines)
    # Pruned runs have pictures too.
    assert {path.name for path in (folder / "samples").iterdir() if not path.name.startswith(".")} == keys
    client = open_store(default_store(tmp_path / "runs"), tmp_path / "runs")
    place = client.get_experiment_by_name(STUDY)
    assert place is not None
    runs = client.search_runs([place.experiment_id])
    assert sorted(run.data.tags["amc.role"] for run in runs) == ["confirm", "confirm", "study", "trial", "trial"]
    assert "RUNNING" not in {run.info.status for run in runs}
    pictures = [file.path for file in client.list_artifacts(found["best"]["mlflow_run_id"], "samples")]
    assert client.get_model_version_by_alias(STUDY, "best").tags["amc.trial_key"] == race["winner"]
    assert pictures == ["samples/clips.gif", "samples/figure3.png", "samples/strip.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]  # no mlruns, nothing of Ray's
    monkeypatch.chdir(tmp_path)
    assert main([*arguments, "--preset", "smoke", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found
    assert main([*arguments, "--preset", "smoke", "--seed", "4"]) == 2
    assert "already exists with different settings (seed: 0 → 4" in capsys.readouterr().err


@pytest.mark.slow
def test_confirming_runs_are_tested_on_the_subjects_of_their_folds(tmp_path: Path, clips: Path) -> None:
    arguments = ["--data", str(clips), "--trials", "1", "--confirm-seeds", "2", "--folds", "2"]
    first = search(tmp_path, *arguments)
    assert first.returncode == 0, first.stdout
    summary = tmp_path / "runs" / STUDY / "summary.json"
    runs = json.loads(summary.read_text())["confirm"]["runs"]
    assert len(runs) == 2
    # Together the folds hold every clip once.
    assert sum(run["scores"]["test/clips"] for run in runs) == 48
    again = search(tmp_path, *arguments)
    assert again.returncode == 0, again.stdout
    assert json.loads(summary.read_text())["confirm"]["runs"] == runs
