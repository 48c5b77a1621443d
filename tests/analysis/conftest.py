"""What several tests read and none changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.analysis.made_study import write_study


@pytest.fixture(scope="session")
def made_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs with the whole study `made`; to be looked at only."""
    runs = tmp_path_factory.mktemp("made") / "runs"
    (runs / "made").mkdir(parents=True)
    write_study(runs / "made" / "record.db", name="made")
    return runs
