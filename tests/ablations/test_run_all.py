"""The real command on a real file of tiny clips, interrupted by nothing, then asked for more seeds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.toy import write_toy_file
from tuning.tracking.store import default_store, open_store

SCRIPT = Path(__file__).resolve().parents[2] / "ablations" / "run_all.py"
pytestmark = pytest.mark.filterwarnings("default")  # MLflow's own


def ablate(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, str(SCRIPT), *arguments, "--preset", "smoke"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def test_two_arms_to_a_table_and_one_more_seed(tmp_path: Path) -> None:
    clips = write_toy_file(tmp_path / "squares.h5")
    arguments = ["--data", str(clips), "--arms", "no_ym", "--split-rule", "random", "--json"]
    first = ablate(tmp_path, *arguments, "--seeds", "1")
    assert first.returncode == 0, first.stderr
    rows = {row["arm"]: row for row in json.loads(first.stdout)["rows"]}
    assert rows.keys() == {"ours", "no_ym"}
    assert rows["no_ym"]["paper"] == 7.62
    assert rows["no_ym"]["ci95"] is None
    assert json.loads(first.stdout)["caption"]["split"]["rule"] == "random"
    tables = tmp_path / "runs" / "squares-smoke-table4" / "tables"
    assert sorted(path.suffix for path in tables.iterdir()) == [".csv", ".json", ".md", ".tex"]
    more = ablate(tmp_path, *arguments, "--seeds", "2")
    assert more.returncode == 0, more.stderr
    content = json.loads(more.stdout)
    again = {row["arm"]: row for row in content["rows"]}
    assert again["ours"]["n_seeds"] == 2
    assert again["ours"]["values"].items() >= rows["ours"]["values"].items()  # no finished run ran again
    assert json.loads((tables / "table4.json").read_text()) == content
    client = open_store(default_store(tmp_path / "runs"), tmp_path / "runs")
    place = client.get_experiment_by_name("squares-smoke-table4")
    assert place is not None
    runs = client.search_runs([place.experiment_id])
    assert sorted(run.data.tags["amc.role"] for run in runs) == ["study"] + ["trial"] * 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--arms", "no_such"], "unknown arm no_such"),
        (["--seeds", "0"], "--seeds 0"),
        (["--from-study", "none"], "there is no"),
        (["--table", "5"], "--table"),
    ],
)
def test_wrong_use_is_one_line_and_leaves_nothing(tmp_path: Path, arguments: list[str], said: str) -> None:
    ended = ablate(tmp_path, *arguments)
    assert ended.returncode == 2
    assert said in ended.stderr.strip().splitlines()[-1]
    assert not list(tmp_path.iterdir())
