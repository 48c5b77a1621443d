"""The trials of a search, ranked, and its confirming runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from amc.config import natops
from analysis.record.reading import RecordReader
from analysis.record.rows import SheetRow, StudyRow, TrialRow
from analysis.record.writing import RecordWriter
from analysis.statistics.crossed import crossed
from analysis.statistics.intervals import t_interval
from analysis.tables.layout.formats import markdown
from analysis.tables.search import search_content, search_table
from tests.analysis.hand_made import DATASET, sheet

VALUES = (0.4, 0.9, None, 0.6)  # the third one failed


@pytest.fixture
def address(tmp_path: Path) -> Path:
    path = tmp_path / "record.db"
    config = natops("smoke").to_dict()
    with RecordWriter(path) as record:
        settings = {"trials": 5, "tried": [{"gram": "spatial", "lr": 0.003}]}
        row = StudyRow("s", "", "search", "compact", 5, DATASET, config, {}, settings, {"git": "0123"}, 0.0)
        record.create_study(row)
        for number, value in enumerate(VALUES):
            _run(record, f"trial-{number}", "trial", number, None, value, {}, {"lr": 0.001 * number, "gram": "spatial"})
        for number, test in enumerate((0.8, 0.9)):
            scores = {"test/accuracy": test}
            _run(record, f"confirm-{number}", "confirm", number, "trial-1", 0.9, scores, {"lr": 0.001})
    return path


def _run(
    record: RecordWriter, key: str, role: str, number: int, parent: str | None, value: float | None,
    scores: dict[str, float], params: dict[str, object], sheet: SheetRow | None = None,
) -> None:  # fmt: skip
    config = natops("smoke").to_dict()
    record.add_trial(TrialRow("s", key, role, number, parent, "WAITING", params, config, number, 40))
    record.begin("s", key)
    if value is None:
        record.finish("s", key, 1, "FAILED", reason="loss is not finite")
        return
    record.report("s", key, 1, 40, {"val/accuracy": value})
    record.finish("s", key, 1, "COMPLETE", value=value, scores=scores, sheet=sheet)


def test_trials_stand_in_their_order_with_what_they_were(address: Path) -> None:
    with RecordReader(address) as records:
        content = search_content(records, "s")
    assert [row["key"] for row in content["rows"]] == ["trial-1", "trial-3", "trial-0", "trial-2"]
    assert [row["rank"] for row in content["rows"]] == [1, 2, 3, None]
    best = content["rows"][0]
    assert best["values"] == {"accuracy": pytest.approx(90.0)}
    assert (best["params"]["lr"], best["front"], best["step"]) == (0.001, True, 40)
    assert [row["tried"] for row in content["rows"]] == [False, True, False, False]
    assert (content["caption"]["complete"], content["caption"]["failed"]) == (3, 1)


def test_confirming_runs_with_their_interval_by_hand(address: Path) -> None:
    with RecordReader(address) as records:
        confirm = search_content(records, "s")["confirm"]
    assert (confirm["of"], confirm["n_seeds"], confirm["mean"]) == (["trial-1"], 2, pytest.approx(85.0))
    # t(0.975; 1) = 12.7062 times 5 is 63.5 each way; an accuracy is at most 100.
    assert confirm["ci95"] == pytest.approx([21.469, 100.0], abs=1e-3)


def test_confirming_runs_with_sheets_cross_seeds_and_clips(tmp_path: Path) -> None:
    marks = ("1" * 30 + "0" * 10, "1" * 36 + "0" * 4)
    right = np.array([[mark == "1" for mark in row] for row in marks])
    for name, scorers in (("same", ("x", "x")), ("other", ("x", "y")), ("one", ("x", ""))):
        with RecordWriter(tmp_path / f"{name}.db") as record:
            config = natops("smoke").to_dict()
            row = StudyRow("s", "", "search", "compact", 5, DATASET, config, {}, {"trials": 1}, {}, 0.0)
            record.create_study(row)
            _run(record, "trial-0", "trial", 0, None, 0.9, {}, {})
            for number, scorer in enumerate(scorers):
                scores = {"test/accuracy": float(right[number].mean())}
                made = (
                    SheetRow("s", f"confirm-{number}", scorer, 1.0, sheet(marks[number]).to_dict()) if scorer else None
                )
                _run(record, f"confirm-{number}", "confirm", number, "trial-0", 0.9, scores, {}, made)
        with RecordReader(tmp_path / f"{name}.db") as records:
            confirm = search_content(records, "s")["confirm"]
            (note,) = (note for note in search_table(records, "s").text.notes if "test accuracy" in note)
        assert confirm["mean"] == pytest.approx(82.5)
        assert confirm["method"] == ("seeds and clips crossed" if name == "same" else "Student's t over seeds")
        expected = crossed(right, scale=100).interval if name == "same" else t_interval([75.0, 90.0])[1]
        assert expected is not None
        assert confirm["ci95"] == pytest.approx([max(0.0, expected[0]), min(100.0, expected[1])])
        assert ("seeds and clips crossed" in note, "t over seeds" in note) == (name == "same", name != "same")


def test_the_caption_says_origin_preset_and_that_it_is_not_finished(address: Path) -> None:
    with RecordReader(address) as records:
        text = markdown(search_table(records, "s").text)
    for said in ("origin=procedural", "preset compact", "NOT FINISHED: 4 of 5 trials", "test accuracy 85.0%",
                 "trial-2 FAILED: loss is not finite", "Points that were given with --try: trial-3."):  # fmt: skip
        assert said in text
    # A parameter that is the same in all trials has no column.
    assert "gram" not in text
