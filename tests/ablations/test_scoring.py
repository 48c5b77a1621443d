"""Scoring again, by itself: what is scored, what is left alone, and what an interruption leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ablations import scoring
from ablations.scoring import Scoring
from amc.config import with_overrides
from amc.errors import UserError
from amc.evaluation.judges.motion_classifier import TrainedClassifier
from amc.evaluation.score_sheet import REAL, STILL, ScoreSheet
from amc.evaluation.scores.score import score
from amc.evaluation.scores.test_judges import Judges
from amc.models.motion_classifier import MotionClassifier
from amc.training.generator_file import save_generator
from amc.training.run import Run
from analysis.record.rows import TrialRow
from analysis.record.writing import RecordWriter
from tests.toy import toy_config, toy_data
from tests.tuning.toy_rows import study_row, trial_row

SEEDS = (0, 1, 2)


def judge(seed: int) -> TrainedClassifier:
    """A classifier that has learnt nothing, which is enough to see which sheets are made."""
    network = MotionClassifier(toy_config().model, 2).eval().requires_grad_(False)
    return TrainedClassifier(network, 1.0, 1.0, 0.5, seed, f"key-{seed}", {})


class Made:
    """A study of three complete runs of 0 steps, with their generators and no sheets."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.record = folder, RecordWriter(folder / "record.db")
        self.config, self.data = toy_config(), toy_data()
        self.record.create_study(study_row(self.config))
        for seed in SEEDS:
            config = with_overrides(self.config, {"seed": seed})
            save_generator(self.generator(seed), Run(config, self.data))
            row = trial_row(config, seed, key=f"ours-seed-{seed}")
            self.record.add_trial(row)
            attempt = self.record.begin("toy", row.key).attempts
            scores = {"test/accuracy": 0.25}
            self.record.finish("toy", row.key, attempt, "COMPLETE", value=0.5, scores=scores)
        self.judges = Judges(judge(0), judge(1))

    def generator(self, seed: int) -> Path:
        return self.folder / "generators" / f"ours-seed-{seed}.safetensors"

    def scored(self, judges: Judges | None = None, **changes: Any) -> dict[str, tuple[str, float]]:
        """Scores again; {key: (scorer, time)} of the sheets that are then on record."""
        Scoring("toy", self.config, self.data, judges or self.judges, **changes)(self.record, self.folder)
        return self.record.score_sheet_versions("toy")

    def trial(self, seed: int) -> TrialRow:
        return self.record.trial("toy", f"ours-seed-{seed}")


@pytest.fixture
def made(tmp_path: Path) -> Any:
    study = Made(tmp_path)
    with study.record.lock_study("toy"):
        yield study
    study.record.close()


def test_runs_without_a_sheet_are_scored_and_current_ones_left_alone(made: Made) -> None:
    first = made.scored()
    assert first.keys() == {REAL, STILL, *(f"ours-seed-{seed}" for seed in SEEDS)}
    assert {scorer for scorer, _ in first.values()} == {made.judges.scorer()}
    for seed in SEEDS:
        sheet = made.record.score_sheets("toy")[f"ours-seed-{seed}"].sheet
        right = sum(a == b for a, b in zip(sheet.label, sheet.predicted, strict=True)) / len(sheet.label)
        assert made.trial(seed).scores["test/accuracy"] == right
        assert (made.folder / "samples" / f"ours-seed-{seed}" / "row.gif").is_file()
    assert (made.folder / "samples" / "real" / "row.gif").is_file()
    assert [made.trial(seed).attempts for seed in SEEDS] == [1, 1, 1]
    assert made.scored() == first
    # Another judge is another way of scoring.
    other = replace(made.judges, second=judge(2))
    again = made.scored(other)
    assert {scorer for scorer, _ in again.values()} == {other.scorer()} != {made.judges.scorer()}
    assert all(again[key][1] > first[key][1] for key in first)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.unlink(), "no generator"),
        (lambda path: path.write_bytes(path.read_bytes()[:-50]), "not a readable checkpoint"),
        (
            lambda path: path.write_bytes(path.with_name("ours-seed-2.safetensors").read_bytes()),
            "belongs to another run",
        ),
    ],
    ids=["missing", "cut short", "another's"],
)
def test_a_run_without_its_generator_keeps_its_scores(
    made: Made, damage: Callable[[Path], Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(made.generator(1))
    assert made.scored().keys() == {REAL, STILL, "ours-seed-0", "ours-seed-2"}
    assert made.trial(1).scores == {"test/accuracy": 0.25}
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("1 of 3 runs keep their old scores: ")
    assert said in line


def test_a_run_whose_clips_cannot_be_measured_keeps_its_scores(
    made: Made, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As when an extractor of keypoints fails on them."""
    seen = []

    def fails_once(*args: Any) -> Any:
        seen.append(args)
        if len(seen) == 2:
            raise UserError("no keypoints")
        return score(*args)

    monkeypatch.setattr("ablations.scoring.score", fails_once)
    assert len(made.scored()) == 4
    assert len(seen) == 3
    assert capsys.readouterr().err.splitlines() == ["1 of 3 runs keep their old scores: no keypoints"]


def test_an_interruption_loses_at_most_the_run_at_hand(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    real = scoring.score

    def interrupted(generator: Any, config: Any, *rest: Any, **more: Any) -> ScoreSheet:
        asked.append(config.seed)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return real(generator, config, *rest, **more)

    monkeypatch.setattr(scoring, "score", interrupted)
    with pytest.raises(KeyboardInterrupt):
        made.scored()
    before = made.record.score_sheet_versions("toy")
    assert before.keys() == {REAL, STILL, "ours-seed-0"}
    after = made.scored()
    assert asked == [0, 1, 1, 2]
    assert {key: after[key] for key in before} == before


def test_moving_clips_that_cannot_be_read_are_made_again(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    first = made.scored()
    paths = [made.folder / "samples" / key / "row.gif" for key in ("real", *(f"ours-seed-{seed}" for seed in SEEDS))]
    whole = [path.read_bytes() for path in paths]
    for path in paths:
        path.write_bytes(path.read_bytes()[:40])
    made.generator(2).unlink()
    assert made.scored() == first  # nothing is scored for it
    assert [path.read_bytes() for path in paths[:-1]] == whole[:-1]
    assert len(paths[-1].read_bytes()) == 40
    assert "ours-seed-2/row.gif cannot be read or redrawn: no generator" in capsys.readouterr().err


def test_a_time_budget_ends_it(made: Made) -> None:
    assert made.scored(until=0.0).keys() == set()


def test_references_change_with_the_scorer_of_the_most_runs(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    first, other = made.scored(), replace(made.judges, second=judge(2))
    old, new = made.judges.scorer(), other.scorer()
    real, count = scoring.score, 0

    def interrupted(*arguments: Any, **more: Any) -> ScoreSheet:
        nonlocal count
        count += 1
        if count > 1:
            raise KeyboardInterrupt
        return real(*arguments, **more)

    monkeypatch.setattr(scoring, "score", interrupted)
    with pytest.raises(KeyboardInterrupt):
        made.scored(other)
    scorers = {key: by for key, (by, _) in made.record.score_sheet_versions("toy").items()}
    assert scorers == {**dict.fromkeys(first, old), "ours-seed-0": new}
    count = 0
    with pytest.raises(KeyboardInterrupt):
        made.scored(other)
    scorers = {key: by for key, (by, _) in made.record.score_sheet_versions("toy").items()}
    assert scorers == {**dict.fromkeys(first, new), "ours-seed-2": old}


def test_runs_without_generators_keep_the_references_that_they_were_scored_with(made: Made) -> None:
    first = made.scored()
    for seed in (0, 1):
        made.generator(seed).unlink()
    other = replace(made.judges, second=judge(2))
    again = made.scored(other)
    assert {key for key in again if again[key] != first[key]} == {"ours-seed-2"}


def test_a_place_where_no_picture_can_be_written_ends_nothing(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    (made.folder / "samples").mkdir()
    (made.folder / "samples" / "real").write_text("a file")
    (made.folder / "samples" / "ours-seed-1").write_text("a file")
    assert len(made.scored()) == 5
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "samples/real cannot be written (File exists): its sample GIF is missing" in lines[0]
    assert "samples/ours-seed-1 cannot be written" in lines[1]
