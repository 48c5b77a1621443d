"""The forecast of a whole search against what then happens, at a small size and within a factor that noise can't reach
but a wrong model would: a forecast without pruning, launch or confirming runs is off by more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.toy import write_toy_file

ROOT = Path(__file__).resolve().parents[2]
SPACE = '[fixed]\n"training.steps" = 120\n"training.evaluate_every" = 20\n'


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(1800)
def test_a_search_takes_about_what_its_dry_run_said(tmp_path: Path) -> None:
    clips, space = write_toy_file(tmp_path / "squares.h5"), tmp_path / "space.toml"
    space.write_text(SPACE)
    script = ROOT / "benchmarks" / "forecast.py"
    command = [sys.executable, str(script), "--preset", "smoke", "--data", str(clips), "--trials", "4"]
    done = subprocess.run(
        [*command, "--space", str(space), "--json"], capture_output=True, text=True, cwd=tmp_path, timeout=1700
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["forecast_source"]["kind"] == "probe"
    assert found["forecast_from_record"]["source"]["kind"] == "record"
    assert 0.5 < found["ratio"] < 2.0, found
    assert 0.5 < found["ratio_from_record"] < 2.0, found
    assert 0.5 < found["forecast"]["steps"] / found["actual"]["steps"] < 2.0, found
    assert 0.3 < found["forecast"]["disk_bytes"] / found["actual"]["disk_bytes"] < 3.0, found
