"""The real command on a real file of tiny clips: to tables, figures and report, and then asked for more seeds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from ablations.cli import main
from amc.cli.data_options import configure_data
from amc.evaluation.score_sheet import REAL, STILL
from analysis.record.reading import RecordReader
from analysis.record.rows import SheetRow, StudyRow, TrialRow
from tests.commands import run_command
from tests.toy import write_toy_file
from tuning.tracking.store import default_store, open_store

SCRIPT = Path(__file__).resolve().parents[2] / "ablations" / "run_all.py"
FORMS = ("md", "csv", "tex", "json")
pytestmark = pytest.mark.filterwarnings("default")  # MLflow's own


def ablate(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, str(SCRIPT), *arguments, "--preset", "smoke"]
    return run_command(command, folder, seconds=1500, environment=environment)


def tracked(folder: Path, study: str) -> tuple[MlflowClient, list[Run]]:
    client = open_store(default_store(folder / "runs"), folder / "runs")
    place = client.get_experiment_by_name(study)
    assert place is not None
    return client, list(client.search_runs([place.experiment_id]))


def artifacts(client: MlflowClient, run: Run, path: str | None = None) -> set[str]:
    return {entry.path for entry in client.list_artifacts(run.info.run_id, path)}


def test_two_arms_to_tables_a_report_and_the_tracker(tmp_path: Path) -> None:
    clips, name = write_toy_file(tmp_path / "squares.h5"), "squares-smoke-table4"
    ended = ablate(
        tmp_path, "--data", str(clips), "--arms", "no_ym", "--split-rule", "random", "--json", "--seeds", "1"
    )
    assert ended.returncode == 0, ended.stderr
    content = json.loads(ended.stdout)
    rows = {row["arm"]: row for row in content["rows"]}
    assert rows.keys() == {"ours", "no_ym"}
    assert rows["no_ym"]["paper"] is None  # what the paper reports is of other data
    assert rows["no_ym"]["ci95"] is None
    assert content["caption"]["split"]["rule"] == "random"
    folder = tmp_path / "runs" / name
    with RecordReader(folder / "record.db") as records:
        sheets = records.score_sheets(name)
        trials = {trial.key: trial for trial in records.trials(name)}
        assert records.study(name).settings["class_names"] == ["right", "down"]
    assert sheets.keys() == {"ours-seed-0", "no_ym-seed-0", REAL, STILL}
    assert len({row.scorer for row in sheets.values()}) == 1
    for key, trial in trials.items():
        sheet = sheets[key].sheet
        right = sum(a == b for a, b in zip(sheet.label, sheet.predicted, strict=True))
        assert trial.scores["test/correct"] == right
        assert trial.scores["test/accuracy"] == right / len(sheet.label)
    assert json.loads((folder / "tables" / "table4.json").read_text()) == content
    made = {path.name for path in (folder / "tables").iterdir()}
    assert made >= {f"{table}.{form}" for table in ("table4", "metrics", "recall") for form in FORMS}
    page = (folder / "report.html").read_text()
    assert name in page
    assert "data:image/gif;base64," in page
    client, runs = tracked(tmp_path, name)
    assert sorted(run.data.tags["amc.role"] for run in runs) == ["study"] + ["trial"] * 2
    (parent,) = (run for run in runs if run.data.tags["amc.role"] == "study")
    assert artifacts(client, parent) >= {"tables", "figures", "report.html"}
    assert artifacts(client, parent, "tables") == {f"tables/{file}" for file in made}
    for run in runs:
        if run is not parent:
            assert run.data.metrics["test/psnr"] == trials[run.data.tags["amc.trial_key"]].scores["test/psnr"]
            assert "sheet.json" in artifacts(client, run)


def search(folder: Path, clips: Path, trials: int) -> dict[str, Any]:
    """Runs a search of `weights.l1` under the name `found`; its best trial."""
    space = folder / "space.toml"
    space.write_text('only = true\n[parameters."weights.l1"]\nkind = "float"\nlow = 1.0\nhigh = 9.0\n')
    script = SCRIPT.parents[1] / "tuning" / "run_search.py"
    command = [sys.executable, str(script), "--data", str(clips), "--preset", "smoke", "--split-rule", "random"]
    command += ["--trials", str(trials), "--confirm-seeds", "0", "--pruner", "none"]
    command += ["--space", str(space), "--study", "found", "--json"]
    ended = run_command(command, folder, seconds=900)
    assert ended.returncode == 0, ended.stderr
    best: dict[str, Any] = json.loads(ended.stdout)["best"]
    return best


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_from_a_search_then_one_more_seed_and_arm_then_fewer(tmp_path: Path) -> None:
    clips, name = write_toy_file(tmp_path / "squares.h5"), "squares-smoke-table4"
    arguments = ["--data", str(clips), "--split-rule", "random", "--json", "--from-study", "found"]
    best = search(tmp_path, clips, 2)
    first = ablate(tmp_path, *arguments, "--arms", "no_ym", "--seeds", "1")
    assert first.returncode == 0, first.stderr
    rows = {row["arm"]: row for row in json.loads(first.stdout)["rows"]}
    folder = tmp_path / "runs" / name
    assert f"{best['key']} of the search found" in (folder / "report.html").read_text()

    def on_record() -> tuple[StudyRow, dict[str, SheetRow], list[TrialRow]]:
        """All on record, having checked that every trial ran once, from the configuration that the search found."""
        with RecordReader(folder / "record.db") as records:
            study, trials = records.study(name), records.trials(name)
            sheets = records.score_sheets(name)
        assert study.settings["from_trial"] == best["key"]
        configs = [study.config, *(trial.config for trial in trials)]
        assert {config["weights"]["l1"] for config in configs} == {best["params"]["weights.l1"]}
        assert {trial.attempts for trial in trials} == {1}
        return study, sheets, trials

    _, before, trials = on_record()
    assert {trial.key for trial in trials} == {"ours-seed-0", "no_ym-seed-0"}
    # The search finds more; the ablation keeps the configuration that it began with.
    again = search(tmp_path, clips, 4)
    more = ablate(tmp_path, *arguments, "--arms", "no_ya,no_ym", "--seeds", "2")
    assert more.returncode == 0, more.stderr
    assert ("keeps the configuration that it started from" in more.stderr) == (again["key"] != best["key"])
    content = json.loads(more.stdout)
    after_rows = {row["arm"]: row for row in content["rows"]}
    assert [row["n_seeds"] for row in after_rows.values()] == [2, 2, 2]
    assert after_rows["ours"]["values"].items() >= rows["ours"]["values"].items()  # no finished run ran again
    study, after, trials = on_record()
    assert after.keys() == {*before, "ours-seed-1", "no_ym-seed-1", "no_ya-seed-0", "no_ya-seed-1"}
    assert {key: after[key] for key in before} == before  # none was scored again
    # Fewer arms and seeds ask for nothing new, and take nothing from the table.
    fewer = ablate(tmp_path, *arguments, "--arms", "ours", "--seeds", "1")
    assert fewer.returncode == 0, fewer.stderr
    assert json.loads(fewer.stdout) == content
    unchanged, _, same = on_record()
    assert same == trials
    assert unchanged.settings["arms"] == study.settings["arms"]
    _, runs = tracked(tmp_path, name)
    assert sorted(run.data.tags["amc.role"] for run in runs) == ["study"] + ["trial"] * 6


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--arms", "no_such"], "unknown arm no_such"),
        (["--seeds", "0"], "--seeds: give an integer of 1 or more"),
        (["--from-study", "none"], "there is no"),
        (["--table", "5"], "--table"),
        (["--lpips", "no.safetensors"], "no.safetensors"),
        (["--fvd", "no.safetensors"], "no.safetensors"),
        (["--seed", "-1"], "--seed: give an integer from 0 to"),
        (["--study", "../there"], "--study '../there'"),
    ],
)
def test_wrong_use_is_one_line_and_leaves_nothing(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    configure_data("natops", None, "smoke")  # made on first use, with a line if that takes long
    capsys.readouterr()
    assert main([*arguments, "--preset", "smoke"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert said in line
    assert not list(tmp_path.iterdir())


def test_the_command_itself_ends_with_the_code_of_wrong_use(tmp_path: Path) -> None:
    ended = ablate(tmp_path, "--arms", "no_such")
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
