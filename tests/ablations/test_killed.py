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
def test_killed_in_training_and_in_results_it_goes_on_exactly_once(tmp_path: Path) -> None:
    draw, study, witness = random.Random(1), Ablation(tmp_path), Witness()
    for ended in (0, 1, 2):
        driver = study.start()
        if study.wait(driver, partial(_training_after, ended)) is None:  # too late: the last runs ended together
            assert ended == 2, study.printed()
            break
        _pause(draw, 3)
        study.kill(driver, group=True)
        witness.saw(study.look())
        said = half_done(study, tmp_path / f"tables-{ended}")
        assert ("NOT FINISHED" in said) == (len(witness.ended) < study.trials)
    for _ in range(3):  # somewhere between the end of training and of the command
        driver = study.start()
        if study.wait(driver, lambda look: _complete(look) == study.trials) is None:
            break
        _pause(draw, 8)
        study.kill(driver, group=True)
        witness.saw(study.look())
    assert study.end(study.start()) == 0, study.printed()
    look = check_the_end(study, witness)
    # Asked once more nothing is left to do: no sheet is made again, and nothing is trained.
    before = study.sheets()
    assert study.end(study.start()) == 0, study.printed()
    assert unchanged(before, study.sheets()) == before.keys()
    assert check_the_end(study, witness).points == look.points


@pytest.mark.timeout(1800)
def test_killed_in_scoring_again_it_scores_the_rest_and_trains_nothing(tmp_path: Path) -> None:
    draw, study, witness = random.Random(3), Ablation(tmp_path), Witness()
    assert study.end(study.start()) == 0, study.printed()
    first, scored = check_the_end(study, witness), study.sheets()
    study.forget(*study.keys)
    kept: set[str] = set()
    for enough in (1, 2, 3):
        driver = study.start()
        if study.wait(driver, partial(_sheets, study, 2 + enough)) is None:
            break
        _pause(draw, 0.2)
        study.kill(driver, group=True)
        now = study.sheets()
        assert kept <= now.keys()
        kept = set(now)
    between = study.sheets()
    assert study.end(study.start()) == 0, study.printed()
    after = study.sheets()
    assert unchanged(between, after) == between.keys()  # what was scored before a kill is not scored again
    assert {REAL, STILL} <= unchanged(scored, after)
    assert check_the_end(study, witness).points == first.points
    assert {key: row.content["predicted"] for key, row in after.items()} == {
        key: row.content["predicted"] for key, row in scored.items()
    }
    # Weights that are given later are another way of scoring.
    study.command += ["--lpips", str(written(tmp_path / "lpips.safetensors", LpipsNetwork()))]
    assert study.end(study.start()) == 0, study.printed()
    look = check_the_end(study, witness)
    assert not unchanged(after, study.sheets())
    assert all("test/lpips" in trial.scores for trial in look.trials.values())
    assert look.points == first.points
