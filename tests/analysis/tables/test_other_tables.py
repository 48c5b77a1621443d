"""Recall, confusion, other scores, the second classifier and cost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.__main__ import main
from analysis.record.reading import RecordReader
from analysis.scores.load_study import load_study
from analysis.scores.study_scores import StudyScores
from analysis.tables.confusion import confusion_content
from analysis.tables.cost import cost_content, cost_table
from analysis.tables.judges import judges_content, judges_table
from analysis.tables.metrics import metrics_content, metrics_table
from analysis.tables.recall import recall_content
from analysis.tables.subjects import ON_A_PAGE, subjects_table
from analysis.tables.write_tables import tables_of
from tests.analysis.hand_made import DATASET, sheet, write_scores
from tests.analysis.made_study import NAMES, RIGHT


def loaded(address: Path, name: str = "s") -> StudyScores:
    with RecordReader(address) as records:
        return load_study(records, name)


@pytest.fixture
def two_seeds(tmp_path: Path) -> StudyScores:
    """Of eight clips, class 0 and 1 in turn; Ours is right on 6 and 4, No Da on 4 and 6, the second has it reversed."""
    marks = {
        "ours-seed-0": "11111100",
        "ours-seed-1": "10101010",
        "no_da-seed-0": "01010101",
        "no_da-seed-1": "11101110",
    }
    other = {
        "ours-seed-0": "00000000",
        "ours-seed-1": "10101010",
        "no_da-seed-0": "11111111",
        "no_da-seed-1": "11101110",
    }
    sheets = {
        key: sheet(
            mark,
            second=other[key],
            clips={
                "psnr": (20.0, 22.0) * 4,
                "identity": (0.5, 1.0, 0.0) if key.startswith("ours") else (1.0, 1.0, 1.0),
            },
            numbers={"frechet_distance": 2.0 + place, "features": 8.0},
        )
        for place, (key, mark) in enumerate(marks.items())
    }
    data = {**DATASET, "chance": 0.5, "split": {"rule": "subject", "test": 8}}
    write_scores(tmp_path / "r.db", {"ours": (0.75, 0.5), "no_da": (0.5, 0.75)}, sheets=sheets, dataset=data)
    return loaded(tmp_path / "r.db")


def test_recall_and_confusion_by_hand(two_seeds: StudyScores) -> None:
    ours, no_da = recall_content(two_seeds)["rows"]
    # Class 0 is clips 1, 3, 5, 7: seed 0 has 3 of 4 right, seed 1 all; class 1: 3 of 4, then none.
    assert (ours["recall"], ours["low"], ours["high"]) == ([87.5, 37.5], [75.0, 0.0], [100.0, 75.0])
    assert no_da["recall"] == [50.0, 75.0]
    counts = confusion_content(two_seeds)["rows"][0]
    assert counts["counts"] == [[7, 1], [5, 3]]
    assert counts["percent"] == [[87.5, 12.5], [62.5, 37.5]]


def test_metrics_by_hand(two_seeds: StudyScores) -> None:
    content = metrics_content(two_seeds)
    assert [metric["key"] for metric in content["metrics"]] == ["second", "identity", "psnr", "frechet_distance"]
    ours, no_da = (row["values"] for row in content["rows"])
    assert ours["second"]["mean"] == 25.0
    assert ours["psnr"]["mean"] == 21.0
    assert (ours["identity"]["mean"], ours["identity"]["clips"]) == (50.0, 3)
    assert no_da["identity"]["mean"] == 100.0
    # 2 and 3: t(0.975; 1) = 12.7062, half of it each way, and no distance is below 0.
    assert ours["frechet_distance"]["mean"] == 2.5
    assert ours["frechet_distance"]["ci95"] == pytest.approx([0.0, 8.8531], abs=1e-4)
    assert content["caption"]["features"] == 8


def test_whether_the_order_hangs_on_the_classifier(made_runs: Path, two_seeds: StudyScores) -> None:
    content = judges_content(two_seeds)
    ours, no_da = content["rows"]
    assert (ours["first"], ours["second"], ours["difference"]) == (62.5, 25.0, -37.5)
    assert (no_da["first"], no_da["second"]) == (62.5, 87.5)
    # Level by the first classifier: no order to disagree with; two arms have no tau worth the name.
    assert (content["caption"]["order"], content["caption"]["swapped"]) == (None, [])
    made = loaded(made_runs / "made" / "record.db", "made")
    assert "no two arms change places" in judges_table(made).text.notes[0]


def test_references_stand_below_the_arms(made_runs: Path) -> None:
    scores = loaded(made_runs / "made" / "record.db", "made")
    assert scores.class_names == NAMES
    recall = recall_content(scores)["references"]
    assert [row["key"] for row in recall] == ["real", "still"]
    assert recall[1]["recall"] == [100.0, 0.0, 0.0]
    written = metrics_table(scores)
    assert [cells[0] for cells in written.text.references] == ["real clips", "first frame"]
    assert any(
        "as many (60) training clips, of other subjects, have a Fréchet distance of 0.80 to the test clips" in note
        for note in written.text.notes
    )
    assert "Fréchet distance of features ↓" in written.text.head
    assert "motion energy, 1/1000" in written.text.head


def test_steps_to_ninety_percent_of_ours_by_hand(tmp_path: Path) -> None:
    # Curves are half of the end at step 20, all of it at step 40. The target is 0.9 * (80 + 60) / 2 = 63.
    write_scores(tmp_path / "r.db", {"ours": (0.8, 0.6), "no_da": (0.9, 0.7), "no_ym": (0.1, 0.2)})
    content = cost_content(loaded(tmp_path / "r.db"))
    assert content["caption"]["target"] == pytest.approx(63.0)
    ours, no_da, no_ym = (row["steps_to_target"] for row in content["rows"])
    # Seed 0 of Ours: from 40 to 80, 63 is at 20 + 20 * 23 / 40 = 31.5; seed 1 never: no median.
    assert ours == {"median": None, "low": pytest.approx(31.5), "high": None, "reached": 1, "of": 2}
    # 45 to 90: 20 + 20 * 18 / 45 = 28; 35 to 70: 20 + 20 * 28 / 35 = 36.
    assert (no_da["median"], no_da["low"], no_da["high"]) == tuple(map(pytest.approx, (32.0, 28.0, 36.0)))
    assert (no_ym["reached"], no_ym["low"]) == (0, None)


def test_a_target_that_guessing_reaches_is_none(tmp_path: Path) -> None:
    # Ours ends at 0.18 on average; 0.9 of it is 0.162, below chance at 1 / 6.
    write_scores(tmp_path / "r.db", {"ours": (0.2, 0.16), "no_da": (0.9, 0.7)})
    written = cost_table(loaded(tmp_path / "r.db"))
    assert written.content["caption"]["target"] is None
    assert [row["steps_to_target"] for row in written.content["rows"]] == [None, None]
    assert written.text.notes == (
        "There is no target: 90% of Ours' final validation accuracy (18.0%) is not above chance (16.7%).",
    )


def test_identity_is_said_to_be_of_other_clips_and_is_never_certain(tmp_path: Path) -> None:
    sheets = {f"ours-seed-{seed}": sheet("1100", clips={"identity": (1.0, 1.0, 1.0)}) for seed in range(2)}
    write_scores(tmp_path / "r.db", {"ours": (0.5, 0.5)}, sheets=sheets)
    content = metrics_content(loaded(tmp_path / "r.db"))
    (note,) = content["caption"]["notes"]
    assert note.startswith("Identity kept is measured on 3 clips generated for training subjects")
    # t(0.975; 2) = 4.302653 over 3 clips is more than the whole range.
    assert content["rows"][0]["values"]["identity"]["ci95"] == [0.0, 100.0]


def test_every_arm_of_a_whole_study_has_every_metric(made_runs: Path) -> None:
    content = metrics_content(loaded(made_runs / "made" / "record.db", "made"))
    assert [row["arm"] for row in content["rows"]] == list(RIGHT)
    assert all(entry is not None and entry["ci95"] for row in content["rows"] for entry in row["values"].values())


def test_accuracy_by_subject_by_hand(tmp_path: Path) -> None:
    runs = {"ours": ("1110", "1100"), "no_da": ("1000", "0000")}
    sheets = {
        f"{arm}-seed-{seed}": replace(sheet(right), subject=(7, 7, 3, 3))
        for arm, rights in runs.items()
        for seed, right in enumerate(rights)
    }
    write_scores(tmp_path / "r.db", {"ours": (0.75, 0.5), "no_da": (0.25, 0.0)}, sheets=sheets)
    with RecordReader(tmp_path / "r.db") as records:
        scores = load_study(records, "s")
    found = subjects_table(scores)
    three, seven = found.content["rows"]
    assert (three["subject"], three["clips"], three["accuracy"]) == (3, 2, {"ours": 25.0, "no_da": 0.0})
    assert (seven["accuracy"], seven["runs"]) == ({"ours": 100.0, "no_da": 25.0}, {"ours": 2, "no_da": 2})
    assert found.text.rows == (("3", "2", "25.0", "0.0"), ("7", "2", "100.0", "25.0"))
    assert found.text.references[0] == ("lowest", "-", "25.0", "0.0")
    assert [record["accuracy"] for record in found.records] == [25.0, 0.0, 100.0, 25.0]
    assert "subjects range from 25.0 to 100.0%" in found.text.notes[0]


def test_more_subjects_than_fit_a_page_have_no_paper_style_as_the_help_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for count, styled in ((ON_A_PAGE, True), (ON_A_PAGE + 1, False)):
        made = replace(sheet("1" * count), subject=tuple(range(count)))
        write_scores(tmp_path / f"{count}.db", {"ours": (1.0,)}, sheets={"ours-seed-0": made})
        assert (subjects_table(loaded(tmp_path / f"{count}.db")).paper is not None) == styled
    with pytest.raises(SystemExit):
        main(["tables", "--help"])
    assert f"table by subject (if it has at most {ON_A_PAGE} subjects)" in " ".join(capsys.readouterr().out.split())


def test_unknown_subjects_have_no_table(tmp_path: Path) -> None:
    write_scores(tmp_path / "r.db", {"ours": (0.5,)}, sheets={"ours-seed-0": sheet("1100")})
    with RecordReader(tmp_path / "r.db") as records:
        assert "subjects" not in {table.name for table in tables_of(load_study(records, "s"))}
