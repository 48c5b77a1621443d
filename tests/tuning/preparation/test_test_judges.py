"""What a search prepares for the runs that confirm its best."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from amc.cli.data_options import configure_data
from amc.config import Config
from amc.data.training_data import TrainingData
from amc.evaluation.judges import standard as finished
from amc.evaluation.judges.identity import IdentityRecipe, cached_identity_classifier
from amc.evaluation.judges.judge_cache import cache_file
from amc.evaluation.judges.standard import SECOND
from tests.toy import write_toy_file
from tuning.cli import search as cli
from tuning.preparation import test_judges as judging


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_file(Path(tmp_path_factory.mktemp("data")) / "squares.h5")


def test_the_second_classifier_and_the_subjects_one(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = partial(cached_identity_classifier, recipe=IdentityRecipe(steps=20, batch=16))
    monkeypatch.setattr(finished, "cached_identity_classifier", quick)
    chosen = configure_data(None, clips, "smoke")
    second, identity = judging.train(chosen.config, chosen.data)
    assert second.details["seed"] == SECOND
    assert second.key != finished.classifier(chosen.config, chosen.data, 0).key
    assert all(cache_file(judge.key).is_file() for judge in (second, identity))
    one = np.zeros_like(chosen.data.clips.subject)
    alone = replace(chosen.data, clips=replace(chosen.data.clips, subject=one))
    assert [judge.key for judge in judging.train(chosen.config, alone)] == [second.key]  # nobody to tell apart


@pytest.mark.parametrize(("seeds", "more", "asked"), [(0, [], 0), (2, [], 1), (2, ["--dry-run"], 0)])
def test_a_search_without_confirming_runs_prepares_none(
    seeds: int, more: list[str], asked: int, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def train(config: Config, data: TrainingData) -> list[object]:
        calls.append(config.preset)
        return []

    monkeypatch.setattr(judging, "train", train)
    arguments = ["--data", str(clips), "--preset", "smoke", "--workers", "1", "--out", str(tmp_path)]
    study = cli.prepare_study(cli._parser().parse_args([*arguments, "--confirm-seeds", str(seeds), *more]))
    assert len(calls) == asked
    assert len(study.cached) == 1  # the classifier that selects
