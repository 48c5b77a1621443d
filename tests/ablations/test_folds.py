"""`--folds`: the real command, from the split of each run to the tables, and a kill while judges or runs train."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import numpy as np
import pytest

from ablations.arms import TABLE_4
from ablations.study import arm_proposals
from amc.evaluation.score_sheet import REAL, STILL
from amc.methods import load_config
from analysis.record.states import COMPLETE
from tests.ablations.ablation import ARMS, Ablation, unchanged
from tests.toy import toy_clips, toy_config
from tests.tuning.killing import Look
from tuning.engine.sources import with_fold

FOLDS = 2


def test_replicate_r_tests_fold_r_of_every_arm() -> None:
    made = arm_proposals(with_fold(toy_config(), 3, 0), TABLE_4[:2], seeds=5, seed=0)
    splits = {proposal.key: (proposal.config.split.folds, proposal.config.split.fold) for proposal in made}
    assert splits == {f"{arm.slug}-seed-{r}": (3, r % 3) for r in range(5) for arm in TABLE_4[:2]}
    assert with_fold(toy_config(), 0, 4) == toy_config()


def _training(look: Look) -> bool:
    return bool(look.training)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # MLflow's own
@pytest.mark.timeout(1200)
def test_killed_while_judges_and_while_runs_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run is on record once, with its fold's subjects, and trained judges are not trained again."""
    monkeypatch.setenv("AMC_CACHE", str(tmp_path / "cache"))
    study, draw = Ablation(tmp_path, "--folds", str(FOLDS)), random.Random(3)
    judges = tmp_path / "cache" / "classifiers"
    driver = study.start()
    while driver.poll() is None and len(list(judges.glob("*.safetensors"))) < 2:
        time.sleep(0.05)
    assert driver.poll() is None, study.printed()
    trained = {path: path.stat().st_mtime_ns for path in judges.glob("*.safetensors")}
    study.kill(driver, group=True)
    assert not study.folder.exists()  # nothing of the study is created before its judges are trained
    driver = study.start()
    assert study.wait(driver, _training) is not None, study.printed()
    time.sleep(draw.uniform(0, 2))
    study.kill(driver, group=True)
    assert study.end(study.start()) == 0, study.printed()
    assert trained.items() <= {path: path.stat().st_mtime_ns for path in judges.glob("*.safetensors")}.items()
    _check_folds(study)
    before = study.sheets()
    assert study.end(study.start()) == 0, study.printed()
    assert unchanged(before, study.sheets()) == before.keys()
    # Another number of folds has other test subjects.
    study.command[-1] = "3"
    assert study.end(study.start()) == 2
    assert "was run with --folds 2, so its runs have different test subjects" in study.printed()


def _check_folds(study: Ablation) -> None:
    trials, sheets = study.look().trials, study.sheets()
    assert trials.keys() == set(study.keys)
    assert {trial.state for trial in trials.values()} == {COMPLETE}
    assert sheets.keys() == {*study.keys, *(f"{key}:{fold}" for key in (REAL, STILL) for fold in range(FOLDS))}
    tested = []
    for number in range(FOLDS):
        rows = [sheets[f"{arm}-seed-{number}"] for arm in ARMS]
        assert {load_config(trials[row.key].config).split.fold for row in rows} == {number}
        assert len({row.scorer for row in [*rows, sheets[f"{REAL}:{number}"]]}) == 1
        assert len({row.sheet.subject for row in rows}) == 1
        tested += sorted(set(rows[0].sheet.subject))
    assert sorted(tested) == np.unique(toy_clips().subject).tolist()
    table = json.loads((study.folder / "tables" / "table4.json").read_text())
    assert table["caption"]["folds"] == FOLDS
    assert [row["n_seeds"] for row in table["rows"]] == [FOLDS] * len(ARMS)
