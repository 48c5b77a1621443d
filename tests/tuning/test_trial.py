"""A trial without an engine: what it measures is what its job's settings ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from amc.config import TrainingConfig
from amc.data.chosen import choose
from amc.evaluation.identity import Recipe, cached_identity_classifier
from tests.toy import write_toy_file
from tuning import trial
from tuning.job import Job


class Reports:
    """Keeps what a trial reports."""

    def __init__(self) -> None:
        self.metrics: list[Mapping[str, float]] = []

    def __call__(self, step: int, metrics: Mapping[str, float], /) -> bool:
        self.metrics.append(metrics)
        return True

    def pausing(self) -> bool:
        return False


@pytest.mark.parametrize("objectives", [None, ["accuracy"], ["accuracy", "appearance"]])
def test_identity_is_measured_where_it_is_an_objective(
    objectives: list[str] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = partial(cached_identity_classifier, recipe=Recipe(steps=20, batch=16))
    monkeypatch.setattr(trial, "cached_identity_classifier", quick)
    chosen = choose(None, write_toy_file(tmp_path / "squares.h5"), "smoke")
    config = replace(chosen.config, training=TrainingConfig(batch=4, steps=2, evaluate_every=1))
    settings = {"data": str(chosen.source.path), "classifier_seed": 0}
    job = Job(
        study="s",
        key="t",
        role="trial",
        attempt=1,
        trainable="tuning.trial:run",
        config=config.to_dict(),
        params={},
        seed=0,
        budget=2,
        directory=str(tmp_path / "run"),
        samples=str(tmp_path / "samples"),
        log=str(tmp_path / "log"),
        settings=settings if objectives is None else settings | {"objectives": objectives},
    )
    reports = Reports()
    outcome = trial.run(job, reports, tmp_path / "run")
    assert len(reports.metrics) == 2
    asked = "appearance" in (objectives or [])
    assert all(("val/appearance" in metrics) == asked for metrics in reports.metrics)
    assert outcome.value == reports.metrics[-1]["val/accuracy"]
