from __future__ import annotations

from pathlib import Path

import pytest

from amc.errors import UserError
from analysis.record.reading import Records
from analysis.record.snapshot import looked_at
from tests.analysis.record import version_1


def test_looking_at_an_old_record_leaves_it_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "record.db"
    version_1.make(str(path))
    before, files = path.read_bytes(), sorted(tmp_path.iterdir())
    with looked_at(path) as records:
        assert records is not None
        assert next(trial.key for trial in records.trials("old")) == "trial-0000"
    assert path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == files
    with Records(path) as records:  # opening does bring it up to date
        assert records.trials("old")
    assert path.read_bytes() != before


def test_what_is_not_there_yet_is_none_and_what_is_no_record_an_error(tmp_path: Path) -> None:
    with looked_at(tmp_path / "record.db") as records:
        assert records is None
    (tmp_path / "record.db").touch()
    with looked_at(tmp_path / "record.db") as records:
        assert records is None
    (tmp_path / "record.db").write_text("shopping list")
    with pytest.raises(UserError, match="file is not a database"), looked_at(tmp_path / "record.db"):
        pass
