"""Scores of a study that has been read, and of several studies joined."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from amc.errors import UserError
from analysis.record.reading import RecordReader
from analysis.scores.join_studies import join_studies
from analysis.scores.load_study import load_study
from analysis.scores.study_scores import StudyScores
from analysis.tables.cost import cost_table
from analysis.tables.metrics import metrics_content
from tests.analysis.hand_made import DATASET, sheet, write_scores


def loaded(address: Path, name: str = "s") -> StudyScores:
    with RecordReader(address) as records:
        return load_study(records, name)


def test_guessing_reaches_from_the_rarest_to_the_commonest_class(tmp_path: Path) -> None:
    sheets = {"ours-seed-0": sheet("11111", label=(0, 0, 0, 1, 1))}
    two = {**DATASET, "chance": 0.5, "classes": 2}
    write_scores(tmp_path / "r.db", {"ours": (1.0,)}, sheets=sheets, dataset=two)
    assert loaded(tmp_path / "r.db").guessing == (0.4, 0.6)
    write_scores(tmp_path / "q.db", {"ours": (1.0,)}, dataset=two)
    assert loaded(tmp_path / "q.db").guessing == (0.5, 0.5)


def test_studies_side_by_side_have_the_arms_of_all(tmp_path: Path) -> None:
    write_scores(tmp_path / "a.db", {"ours": (0.9, 0.8), "no_da": (0.7, 0.6)}, name="a")
    write_scores(tmp_path / "b.db", {"ours": (0.9, 0.8), "gram_channel": (0.8, 0.8)}, name="b")
    both = join_studies([loaded(tmp_path / "a.db", "a"), loaded(tmp_path / "b.db", "b")])
    assert [arm.slug for arm in both.arms] == ["ours", "no_da", "gram_channel"]
    assert (both.finished, both.planned) == (6, 6)
    assert cost_table(both).text.caption.startswith("a + b: cost of each arm")


@pytest.mark.parametrize(
    ("said", "change"),
    [
        ("origins differ", {"dataset": {**DATASET, "origin": "real"}}),
        ("presets differ", {"preset": "smoke"}),
        ("fingerprints differ", {"dataset": {**DATASET, "fingerprint": "0" * 64}}),
        ("split rules differ", {"dataset": {**DATASET, "split": {"rule": "subject", "test": 288}}}),
        ("base configurations differ", {"config": {"other": 1}}),
    ],
)
def test_different_origins_or_presets_are_never_in_one_table(tmp_path: Path, said: str, change: dict[str, Any]) -> None:
    write_scores(tmp_path / "a.db", {"ours": (0.9,)}, name="a")
    write_scores(tmp_path / "b.db", {"ours": (0.9,)}, name="b", **change)
    with pytest.raises(UserError, match=said) as raised:
        join_studies([loaded(tmp_path / "a.db", "a"), loaded(tmp_path / "b.db", "b")])
    assert "\n" not in str(raised.value)


def test_one_ours_cannot_have_two_scores(tmp_path: Path) -> None:
    write_scores(tmp_path / "a.db", {"ours": (0.9,)}, name="a")
    write_scores(tmp_path / "b.db", {"ours": (0.8,)}, name="b")
    with pytest.raises(UserError, match="different scores"):
        join_studies([loaded(tmp_path / "a.db", "a"), loaded(tmp_path / "b.db", "b")])


@pytest.mark.parametrize(
    ("said", "scores", "more"),
    [
        ("arms 'no_da' have different changes", (0.7,), {"no_da": {"changes": {"switches.dm": False}}}),
        ("runs of No Da with the same seed have different scores", (0.6,), {}),
    ],
)
def test_arms_of_one_name_must_be_one(tmp_path: Path, said: str, scores: tuple[float], more: dict[str, Any]) -> None:
    write_scores(tmp_path / "a.db", {"ours": (0.9,), "no_da": (0.7,)}, name="a")
    write_scores(tmp_path / "b.db", {"ours": (0.9,), "no_da": scores}, name="b", arms=more)
    with pytest.raises(UserError, match=said) as raised:
        join_studies([loaded(tmp_path / "a.db", "a"), loaded(tmp_path / "b.db", "b")])
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("first", [True, False])
def test_a_study_without_a_finished_run_changes_nothing(tmp_path: Path, first: bool) -> None:
    sheets = {f"{arm}-seed-0": sheet("1100") for arm in ("ours", "no_da")}
    write_scores(tmp_path / "a.db", {"ours": (0.5,), "no_da": (0.5,)}, name="a", sheets=sheets)
    write_scores(tmp_path / "b.db", {"ours": (None,)}, name="b")
    found, empty = loaded(tmp_path / "a.db", "a"), loaded(tmp_path / "b.db", "b")
    both = join_studies([empty, found] if first else [found, empty])
    assert (both.clipwise, both.scorer, both.finished, both.unscored) == (True, "made", 2, 0)
    assert both.arms[0].accuracies == {0: 0.5}


@pytest.mark.parametrize("folds", [0, 2])
def test_identity_is_one_number_per_run_in_folds_that_share_training_subjects(tmp_path: Path, folds: int) -> None:
    # As many identity clips as test clips: they must not be taken for clips of the test subjects.
    sheets = {
        f"ours-seed-{seed}": replace(sheet("1100", clips={"identity": kept}), subject=(2 * seed, 2 * seed, 1, 1))
        for seed, kept in enumerate([(0.5, 1.0, 0.0, 0.5), (1.0, 1.0, 0.5, 0.5)])
    }
    sheets = sheets if folds else {key: replace(one, subject=(0, 0, 1, 1)) for key, one in sheets.items()}
    write_scores(tmp_path / "r.db", {"ours": (0.5, 0.5)}, sheets=sheets, folds=folds)
    entry = metrics_content(loaded(tmp_path / "r.db"))["rows"][0]["values"]["identity"]
    assert entry["mean"] == pytest.approx(62.5)
    if folds:  # 50 and 75: t(0.975; 1) = 12.7062, 12.5 times as much each way, and 0 to 100 at most
        assert (entry["clips"], entry["ci95"]) == (1, [0.0, 100.0])
    else:
        assert entry["clips"] == 4
