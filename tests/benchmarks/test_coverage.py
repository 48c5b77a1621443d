"""The simulation of coverage runs and prints what it says it prints; its figures are tested in tests/analysis."""

from __future__ import annotations

import itertools
import json

import pytest

from benchmarks.coverage import FOLD_SETTINGS, POWER_SEEDS, RUNS, SEEDS, SETTINGS, SHARES, SPREADS, SUBJECTS, main


def test_coverage(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--studies", "2", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert len(found["coverage"]) == len(SETTINGS) * len(SHARES) * len(SEEDS)
    assert all(0 <= row["mean"] <= 1 and 0 <= row["difference"] <= 1 for row in found["coverage"])
    assert len(found["families"]) == len(SETTINGS) * len(SHARES)
    assert len(found["folds"]["near_one"]) == len(FOLD_SETTINGS) * len(SUBJECTS) * len(RUNS)
    assert [list(row["found"]) for row in found["power"]] == [list(map(str, POWER_SEEDS))] * (2 * len(SPREADS))


def test_coverage_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--studies", "2"])
    lines = capsys.readouterr().out.splitlines()
    heads = [after for before, after in itertools.pairwise(lines) if after.startswith("| ---") and before]
    assert len(heads) == 6  # three of them with folds over subjects
