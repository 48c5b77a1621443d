"""The simulation of preference studies prints what it says it prints; its figures are tested in tests/analysis."""

from __future__ import annotations

import json

import pytest

from benchmarks.preference_coverage import PREFERENCES, SIZES, SPREADS, main


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--studies", "4", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert len(found["coverage"]) == len(SIZES) * len(PREFERENCES) * len(SPREADS)
    assert all(0 <= row["coverage"] <= 1 and row["half_width"] > 0 for row in found["coverage"])
    assert [row["raters"] for row in found["strengths"]] == [raters for raters, _ in SIZES]


def test_tables(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--studies", "4"])
    assert sum(line.startswith("| ---") for line in capsys.readouterr().out.splitlines()) == 2
