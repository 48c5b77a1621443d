"""The file that says that the project itself made what is in a folder, and with which settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amc.cache import creating
from amc.errors import UserError
from amc.importing.origin import MADE


def claim(folder: Path, dataset: str, told: str, recipe: Mapping[str, Any]) -> None:
    """Say in a folder what is made there; or find that it is said already, by a maker that was interrupted.

    Args:
        folder: there already; one process at a time claims it.
        dataset: for which this stands in, as `prepare` calls it.
        told: a sentence for people.
        recipe: tool, version and arguments.

    Raises:
        UserError: the folder holds something else, or what other settings made.
        OSError: it cannot be written.
    """
    text = (
        f"{told}\n`python -m amc.data prepare {dataset}` tells by this file that it is made (origin procedural).\n"
        f"{json.dumps(dict(recipe), sort_keys=True)}\n"
    )
    path = folder / MADE
    if path.is_file():
        begun = path.read_text(encoding="utf-8", errors="replace") == text
    else:
        # A killed maker may have left the beginning of a file.
        begun = all(entry.name.endswith(".partial") for entry in folder.iterdir())
        if begun:
            with creating(path) as beginning:
                beginning.write_text(text, encoding="utf-8", newline="\n")
    if not begun:
        raise UserError(f"{folder}: holds something else, or a stand-in with other settings; choose a new folder")
