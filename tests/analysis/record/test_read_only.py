from __future__ import annotations

from pathlib import Path

import pytest

from amc.errors import UserError
from analysis.record.reading import open_if_present


def test_a_missing_or_empty_record_is_none_and_another_file_an_error(tmp_path: Path) -> None:
    with open_if_present(tmp_path / "record.db") as records:
        assert records is None
    (tmp_path / "record.db").touch()
    with open_if_present(tmp_path / "record.db") as records:
        assert records is None
    (tmp_path / "record.db").write_text("shopping list")
    with pytest.raises(UserError, match="file is not a database"), open_if_present(tmp_path / "record.db"):
        pass
