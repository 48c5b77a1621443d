"""What the section on limitations says about the effects that a study can miss."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ablations.arms import TABLE_4
from analysis.record.reading import RecordReader
from analysis.report.sections.limitations import limits_section
from analysis.scores.load_study import load_study
from analysis.tables.table4 import ablation_content
from tests.analysis.made_study import write_study
from tests.analysis.report.planted import row

UNKNOWN = "The record has no per-clip scores, so the smallest detectable difference is unknown."
NOTHING_COMPARED = "No difference to Ours is tested: no other arm has two complete seeds in common with it."
ONE_SEED = "With one seed per arm the variation between seeds is unknown, so no difference can be distinguished from"


def lead(folder: Path, rows: list[dict[str, Any]] | None = None, **how: Any) -> str:
    write_study(folder / "record.db", name="s", **how)
    with RecordReader(folder / "record.db") as records:
        scores = load_study(records, "s")
    return " ".join(limits_section(scores.row, arms=rows or ablation_content(scores)["rows"]).lead)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"arms": TABLE_4[:2], "seeds": 1}, ONE_SEED),
        ({"arms": TABLE_4[:1], "seeds": 5}, NOTHING_COMPARED),
        ({"arms": TABLE_4[:2], "done": 3, "seeds": 2}, NOTHING_COMPARED),
        ({"arms": TABLE_4[:2], "sheets": False}, UNKNOWN),
        ({"arms": TABLE_4[:2], "done": 0}, ""),
    ],
)
def test_why_no_effect_size_is_given(tmp_path: Path, how: Mapping[str, Any], said: str) -> None:
    text = lead(tmp_path, **how)
    assert said in text
    assert [one for one in (ONE_SEED, NOTHING_COMPARED, UNKNOWN) if one in text] == ([said] if said else [])
    assert "80% power" not in text


def rows_with(*sizes: float) -> list[dict[str, Any]]:
    ours = row("ours", None, 80.0)
    return [ours, *(row(f"arm {size}", None, 70.0, -10.0, 0.2, detectable=size, sd_differences=2.0) for size in sizes)]


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ((120.0, 150.0), "no difference up to 100 points is detectable with 80% power after correction."),
        (
            (8.0, 30.0, 120.0),
            "is 8.0 to 30.0 points, depending on the arm; for 1 of 3 arms, no difference up to 100 points is "
            "detectable. Differences of 5 points may be missed for 3 of 3 arms.",
        ),
        ((3.0, 30.0), "is 3.0 to 30.0 points, depending on the arm. Differences of 5 points may be missed for 1 of 2"),
        ((3.0, 4.0), "is 3.0 to 4.0 points, depending on the arm. Differences of 5 points would be detected with"),
    ],
)
def test_effects_that_are_detected(tmp_path: Path, sizes: tuple[float, ...], said: str) -> None:
    text = lead(tmp_path, rows_with(*sizes), arms=TABLE_4[:1], done=0)
    assert said in text
    assert "100.0" not in text
