"""kill -9 of an ablation's command in training, in scoring again and while it makes its results."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from amc.evaluation.score_sheet import REAL, STILL
from amc.models.lpips import LpipsNetwork
from analysis.record.states import COMPLETE
from tests.ablations.ablation import Ablation, check_the_end, unchanged
from tests.evaluation.metrics.made_weights import written
from tests.tuning.killing import ROOT, Look, Witness

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # MLflow's own


def _pause(draw: random.Random, seconds: float) -> None:
    time.sleep(draw.uniform(0, seconds))


def _complete(look: Look) -> int:
    return sum(trial.state == COMPLETE for trial in look.trials.values())


def _training_after(ended: int, look: Look) -> bool:
    return bool(look.training) and _complete(look) >= ended


def half_done(study: Ablation, out: Path) -> str:
    """The table that the record alone gives."""
    command = [sys.executable, "-m", "analysis", "tables", "--study", study.study, "--runs", str(study.runs)]
    done = subprocess.run([*command, "--out", str(out)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return (out / "table4.md").read_text()


def _sheets(study: Ablation, enough: int, _: Look) -> bool:
    return len(study.sheets()) >= enough


@pytest.mark.timeout(1800)
def test_killed_in_training_in_results_and_in_scoring(tmp_path: Path) -> None:
    """One study through all of it: no run is trained twice, no run is scored twice."""
    draw, study, witness = random.Random(1), Ablation(tmp_path), Witness()
    killed_in_training(study, witness, draw)
    killed_in_results(study, witness, draw)
    assert study.end(study.start()) == 0, study.printed()
    look, scored = check_the_end(study, witness), study.sheets()
    killed_in_scoring(study, draw)
    between = study.sheets()
    assert study.end(study.start()) == 0, study.printed()
    after = study.sheets()
    assert unchanged(between, after) == between.keys()  # what was scored before a kill is not scored again
    assert {REAL, STILL} <= unchanged(scored, after)
    assert check_the_end(study, witness).points == look.points
    assert {key: row.content["predicted"] for key, row in after.items()} == {
        key: row.content["predicted"] for key, row in scored.items()
    }
    # Run again, the finished study has nothing left to do: it makes no sheet and trains nothing.
    assert study.end(study.start()) == 0, study.printed()
    assert unchanged(after, study.sheets()) == after.keys()
    assert check_the_end(study, witness).points == look.points
    # With weights that are given later, all runs are scored again.
    study.command += ["--lpips", str(written(tmp_path / "lpips.safetensors", LpipsNetwork()))]
    assert study.end(study.start()) == 0, study.printed()
    rescored = check_the_end(study, witness)
    assert not unchanged(after, study.sheets())
    assert all("test/lpips" in trial.scores for trial in rescored.trials.values())
    assert rescored.points == look.points


def killed_in_training(study: Ablation, witness: Witness, draw: random.Random) -> None:
    """kill -9 of the whole process group while runs train, after 0, 1 and 2 of them are complete."""
    for ended in (0, 1, 2):
        driver = study.start()
        if study.wait(driver, partial(_training_after, ended)) is None:  # too late: the last runs ended together
            assert ended == 2, study.printed()
            return
        _pause(draw, 3)
        study.kill(driver, group=True)
        witness.saw(study.look())
        table = half_done(study, study.runs.parent / f"tables-{ended}")
        assert ("NOT FINISHED" in table) == (len(witness.ended) < study.trials)


def killed_in_results(study: Ablation, witness: Witness, draw: random.Random) -> None:
    """kill -9 of the whole process group between the end of the last training and the command's end, twice."""
    for _ in range(2):
        driver = study.start()
        if study.wait(driver, lambda look: _complete(look) == study.trials) is None:
            return
        _pause(draw, 8)
        study.kill(driver, group=True)
        witness.saw(study.look())


def killed_in_scoring(study: Ablation, draw: random.Random) -> None:
    """kill -9 while the runs of a finished study are scored again, after 1, 2 and 3 of their sheets are there."""
    study.forget(*study.keys)
    kept: set[str] = set()
    for enough in (1, 2, 3):
        driver = study.start()
        if study.wait(driver, partial(_sheets, study, 2 + enough)) is None:
            return
        _pause(draw, 0.2)
        study.kill(driver, group=True)
        now = study.sheets()
        assert kept <= now.keys()
        kept = set(now)
