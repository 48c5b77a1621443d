"""What tests of the engine share: a record with a toy study."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from amc.config import Config, natops, with_overrides
from analysis.record.writing import Record
from tests.tuning.toy_rows import study_row


@pytest.fixture
def base() -> Config:
    return with_overrides(natops("smoke"), {"training.steps": 20})


@pytest.fixture
def record(tmp_path: Path, base: Config) -> Iterator[Record]:
    with Record(tmp_path / "toy" / "record.db") as opened:
        opened.create_study(study_row(base))
        yield opened
