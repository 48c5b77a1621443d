"""Table 4 from a record made by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from ablations.arms import TABLE_4
from amc.config import natops
from analysis.ablation_table import ablation_table, markdown, write_tables
from analysis.records import Records, StudyRow, TrialRow
from tuning.record import Record

SCORES = {"ours": (0.9, 0.8, 0.85), "no_ym": (0.2, 0.1, 0.15), "no_lrank": (0.9, 0.8)}
DATASET = {
    "name": "natops",
    "origin": "procedural",
    "fingerprint": "f" * 64,
    "split": {"rule": "random", "test": 288},
    "chance": 1 / 6,
    "real_accuracy": {"validation": 1.0, "test": 0.99},
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    arms = [{"arm": arm.slug, "title": arm.title, "paper": arm.paper} for arm in TABLE_4 if arm.slug in SCORES]
    config = natops("smoke").to_dict()
    with Record(tmp_path / "record.db") as record:
        settings = {"seeds": 3, "arms": arms}
        record.create_study(StudyRow("s", "", "table4", "compact", 0, DATASET, config, {}, settings, {}, 0.0))
        number = 0
        for arm, scores in SCORES.items():
            for seed, score in enumerate(scores):
                key = f"{arm}-seed-{seed}"
                record.add_trial(TrialRow("s", key, "trial", number, None, "WAITING", {"arm": arm}, config, seed, 40))
                record.begin("s", key)
                record.finish("s", key, 1, "COMPLETE", value=0.5, scores={"test/accuracy": score})
                number += 1
    return tmp_path / "record.db"


def test_means_differences_and_corrected_p_by_hand(path: Path) -> None:
    with Records(path) as records:
        content = ablation_table(records, "s")
    rows = {row["arm"]: row for row in content["rows"]}
    assert list(rows) == ["ours", "no_ym", "no_lrank"]
    assert rows["ours"]["mean"] == pytest.approx(85.0)
    # s = 5, t(0.975; 2) = 4.302653: 85 -+ 4.302653 * 5 / sqrt(3) = 72.579 to 97.421
    assert rows["ours"]["ci95"] == pytest.approx([72.579, 97.421], abs=1e-3)
    assert (rows["ours"]["difference"], rows["ours"]["p_holm"]) == (None, None)
    assert rows["no_ym"]["difference"] == pytest.approx(-70.0)
    assert rows["no_ym"]["difference_ci95"] == pytest.approx([-70.0, -70.0])
    assert rows["no_ym"]["p"] == 0.25
    assert rows["no_ym"]["p_holm"] == 0.5
    # Two seeds shared with Ours, no difference in either.
    assert (rows["no_lrank"]["n_seeds"], rows["no_lrank"]["difference"], rows["no_lrank"]["p_holm"]) == (2, 0.0, 1.0)
    assert rows["ours"]["values"] == {"0": pytest.approx(90.0), "1": pytest.approx(80.0), "2": pytest.approx(85.0)}


def test_the_caption_says_where_it_comes_from_and_that_it_is_not_finished(path: Path) -> None:
    with Records(path) as records:
        text = markdown(ablation_table(records, "s"))
    for said in (
        "origin=procedural, split by random",
        "preset compact",
        "chance 16.7",
        "no p can be below 0.25",
        "8 of 9 runs",
    ):
        assert said in text


def test_all_four_forms_are_written(path: Path, tmp_path: Path) -> None:
    with Records(path) as records:
        write_tables(ablation_table(records, "s"), tmp_path / "tables", "table4")
    forms = {file.suffix: file.read_text() for file in (tmp_path / "tables").iterdir()}
    assert forms.keys() == {".json", ".md", ".csv", ".tex"}
    assert len(forms[".csv"].splitlines()) == 4
    assert all("No ym" in text for text in forms.values())
    assert "p (Holm) \\\\" in forms[".tex"]
    assert "in \\%" in forms[".tex"]
