"""For real: an arm equal to Ours in all but its name and its seeds is not called different."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tuning.killing import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # MLflow's own


@pytest.mark.timeout(3600)
def test_ours_with_seeds_of_its_own_is_not_called_different(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "ablations" / "run_all.py"), "--dataset", "natops", "--preset", "smoke"]
    command += ["--arms", "ours_again", "--seeds", "4", "--out", str(tmp_path / "runs"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ours, again = json.loads(done.stdout)["rows"]
    assert (ours["arm"], again["arm"]) == ("ours", "ours_again")
    assert (ours["n_seeds"], again["n_seeds"]) == (4, 4)
    # Other seeds are other runs: were the values the same, equality would prove nothing.
    assert list(ours["values"].values()) != list(again["values"].values())
    assert again["p"] > 0.05  # by Welch, outside of Holm
    low, high = again["difference_ci95"]
    assert low <= 0 <= high
