"""A record looked at without touching it: opening one may write, be it to bring an older schema up to date."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from amc.errors import UserError
from analysis.record.reading import Records
from analysis.record.schema import database_url, filled, sqlite_path


@contextlib.contextmanager
def looked_at(address: str | Path) -> Iterator[Records | None]:
    """A copy of a SQLite record, or a server's itself, opened; None where there is no record yet.

    Raises:
        UserError: it is no record, or can't be read.
    """
    url = database_url(address)
    path = sqlite_path(url)
    if path is None:
        with Records(address) if filled(url) else contextlib.nullcontext() as records:
            yield records
    elif not path.is_file():
        yield None
    else:
        with tempfile.TemporaryDirectory(prefix="amc-record-") as folder:
            copy = Path(folder) / path.name
            _copy(path, copy)
            with Records(copy) if filled(database_url(copy)) else contextlib.nullcontext() as records:
                yield records


def _copy(path: Path, copy: Path) -> None:
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as source,
            contextlib.closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
        return
    except sqlite3.Error:
        pass  # such as a journal that its killed writer left, which a reader may not settle
    try:
        shutil.copyfile(path, copy)
        journal = path.with_name(f"{path.name}-journal")
        if journal.is_file():
            shutil.copyfile(journal, copy.with_name(f"{copy.name}-journal"))
    except OSError as error:
        raise UserError(f"cannot read the study record {path}: {error.strerror}") from error
