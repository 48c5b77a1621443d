"""Which studies a table and a report of several data sets were made from: a small file in DIR/NAME."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from amc.atomic import atomic_write
from amc.errors import UserError

FILE = "studies.json"


def write_members(folder: Path, studies: Sequence[str]) -> None:
    """Writes the names of the studies into `folder`, which is DIR/NAME.

    Raises:
        UserError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(folder / FILE) as partial:
            partial.write_text(json.dumps({"studies": list(studies)}, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror or error}") from error


def read_members(folder: Path) -> list[str]:
    """The names of the studies; empty if the folder is not one of several studies.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        return [str(name) for name in json.loads((folder / FILE).read_text(encoding="utf-8"))["studies"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"cannot read {folder / FILE}: {error}") from error
