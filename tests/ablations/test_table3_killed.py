"""kill -9 of the command of Table 3, in training and while it makes its results: the same tables as without."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

from amc.evaluation.score_sheet import LAST_SEEN, REAL, STILL
from analysis.record.states import COMPLETE
from tests.ablations.ablation import Ablation, check_the_end
from tests.tuning.killing import Look, Witness

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # MLflow's own

MEASURED = ("arm", "mean", "values", "ci95", "difference", "difference_ci95", "p", "p_holm", "validation_mean")


class Methods(Ablation):
    """AMC-GAN and CDNA."""

    table, arms, references = "3", ("ours", "cdna"), frozenset({REAL, STILL, LAST_SEEN})


def measured(study: Methods) -> list[dict[str, Any]]:
    """The rows of Table 3, without what an interruption may change: times and attempts."""
    content = json.loads((study.folder / "tables" / "table3.json").read_text())
    return [{name: row[name] for name in MEASURED} for row in content["rows"]]


def _complete(look: Look) -> int:
    return sum(trial.state == COMPLETE for trial in look.trials.values())


@pytest.mark.timeout(1800)
def test_every_run_exactly_once_and_the_same_table(tmp_path: Path) -> None:
    whole = Methods(tmp_path / "whole")
    assert whole.end(whole.start()) == 0, whole.printed()
    draw, study, witness = random.Random(2), Methods(tmp_path / "killed"), Witness()
    for ended, training in ((0, True), (1, True), (study.trials, False)):
        driver = study.start()
        look = study.wait(
            driver,
            lambda look, ended=ended, training=training: _complete(look) >= ended and bool(look.training) >= training,
        )
        if look is None:
            break
        time.sleep(draw.uniform(0, 2))
        study.kill(driver, group=True)
        witness.saw(study.look())
    assert study.end(study.start()) == 0, study.printed()
    look = check_the_end(study, witness)
    assert max(trial.attempts for trial in look.trials.values()) > 1
    assert measured(study) == measured(whole)
