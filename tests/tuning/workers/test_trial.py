"""A trial without an engine: what it measures is what its job's settings ask for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from amc.cli.data_options import configure_data
from amc.config import TrainingConfig
from amc.data.training_data import prepare
from amc.errors import UserError
from amc.evaluation.judges.identity import IdentityRecipe, cached_identity_classifier
from amc.evaluation.scores.headline import headline
from amc.evaluation.scores.score import score
from amc.evaluation.scores.test_judges import cached_judges
from amc.training.checkpoint import FILE
from amc.training.generator_file import load_generator
from tests.toy import write_toy_file
from tuning.workers import trial
from tuning.workers.job import Job, Outcome, TrialSettings


class Reports:
    """Keeps what a trial reports."""

    def __init__(self) -> None:
        self.metrics: list[Mapping[str, float]] = []

    def __call__(self, step: int, metrics: Mapping[str, float], /) -> bool:
        self.metrics.append(metrics)
        return True

    def pausing(self) -> bool:
        return False


def toy_job(folder: Path, **settings: Any) -> Job:
    chosen = configure_data(None, write_toy_file(folder / "squares.h5"), "smoke")
    config = replace(chosen.config, training=TrainingConfig(batch=4, steps=2, evaluate_every=1))
    return Job(
        study="s",
        key="t",
        role="trial",
        attempt=2,
        trainable="tuning.workers.trial:run",
        config=config.to_dict(),
        params={},
        seed=0,
        budget=2,
        directory=str(folder / "run"),
        samples=str(folder / "samples" / "t"),
        log=str(folder / "log"),
        settings=replace(TrialSettings(data=str(chosen.source.path)), **settings),
    )


def test_a_checkpoint_that_was_cut_short_begins_the_trial_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = toy_job(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / FILE).write_bytes(b"half of it")
    reports = Reports()
    assert trial.run(job, reports, tmp_path / "run").value == reports.metrics[-1]["val/accuracy"]
    assert len(reports.metrics) == 2
    assert "restarting the trial from step 0" in capsys.readouterr().err


def test_pictures_of_a_later_attempt_are_left_alone(tmp_path: Path) -> None:
    for name in (".t.1", ".t.2", ".t.3", "t"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "strip.png").write_text(name)
    trial._publish(tmp_path / ".t.2", tmp_path / "t")
    assert {path.name for path in tmp_path.iterdir()} == {"t", ".t.3"}
    assert (tmp_path / "t" / "strip.png").read_text() == ".t.2"
    trial._publish(tmp_path / ".t.2", tmp_path / "t")  # another process was faster
    assert (tmp_path / "t" / "strip.png").exists()


@pytest.mark.parametrize("objectives", [None, ["accuracy"], ["accuracy", "appearance"]])
def test_identity_is_measured_where_it_is_an_objective(
    objectives: list[str] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = partial(cached_identity_classifier, recipe=IdentityRecipe(steps=20, batch=16))
    monkeypatch.setattr(trial, "cached_identity_classifier", quick)
    job = toy_job(tmp_path, objectives=tuple(objectives or ()))
    reports = Reports()
    outcome = trial.run(job, reports, tmp_path / "run")
    assert len(reports.metrics) == 2
    asked = "appearance" in (objectives or [])
    assert all(("val/appearance" in metrics) == asked for metrics in reports.metrics)
    assert outcome.value == reports.metrics[-1]["val/accuracy"]


def listed_job(folder: Path) -> Job:
    """One whose run is scored on the test split."""
    job = toy_job(folder, score_test=True)
    return replace(job, generator=str(folder / "generators" / "t.safetensors"))


def test_a_listed_run_is_scored_from_what_it_leaves(tmp_path: Path) -> None:
    job = listed_job(tmp_path)
    outcome = trial.run(job, Reports(), tmp_path / "run")
    assert outcome.sheet is not None
    generator, config = load_generator(Path(job.generator))
    data = prepare(config, Path(job.settings.data))
    judges = cached_judges(config, data, classifier_seed=job.settings.classifier_seed)
    assert outcome.scorer == judges.scorer()
    sheet = score(generator, config, data, judges)
    assert json.loads(json.dumps(outcome.sheet)) == json.loads(json.dumps(sheet.to_dict()))
    assert outcome.scores == headline(sheet)
    assert outcome.scores["test/clips"] == len(data.split.test)
    pictures = {path.name for path in Path(job.samples).iterdir()}
    assert pictures == {"strip.png", "clips.gif", "figure3.png", "row.gif"}
    assert [path.name for path in Path(job.samples).parent.iterdir()] == ["t"]


@pytest.mark.parametrize("fails", ["loading", "scoring"])
def test_a_run_whose_keypoints_cannot_be_found_is_complete_with_its_other_scores(
    fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = listed_job(tmp_path)
    expected = trial.run(job, Reports(), tmp_path / "run")
    error = UserError("3 of 3 clips have no table in /tables")

    class Extractor:
        """Fails on generated clips."""

        frames, key = 4, "k"

        def measure(self, video: Any) -> Any:
            raise error

    def judge(*given: Any) -> Any:
        if fails == "loading":
            raise error
        return Extractor()

    monkeypatch.setattr(trial, "cached_keypoint_judge", judge)
    job = replace(job, settings=replace(job.settings, extractor="openface:/tables"))
    outcome = trial.run(job, Reports(), tmp_path / "run")
    assert outcome.note == f"keypoints were not scored when the run ended: {error}"
    # Its scorer is that of a study without keypoints, so `ablations.scoring` scores it again.
    assert replace(outcome, note="") == expected


def test_a_run_that_pauses_while_it_is_scored_is_scored_in_its_next_attempt(tmp_path: Path) -> None:
    job = listed_job(tmp_path)

    class Pausing(Reports):
        """Asks for a pause when all is trained and its pictures are made."""

        def pausing(self) -> bool:
            return Path(job.samples).exists()

    assert trial.run(job, Pausing(), tmp_path / "run") == Outcome(paused=True)
    assert Path(job.generator).exists()
    reports = Reports()
    outcome = trial.run(replace(job, attempt=3), reports, tmp_path / "run")
    assert outcome.sheet is not None
    assert outcome.value == reports.metrics[-1]["val/accuracy"]
