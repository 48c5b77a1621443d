"""The marker file that says that this project generated the content of a folder, and with which settings.

Stand-ins write it, and importers look for it, so that no generated data set passes for a recording.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amc.cache import creating
from amc.errors import UserError

MARKER = "PROCEDURAL.txt"  # in the top folder


def mark_procedural(folder: Path, dataset: str, description: str, recipe: Mapping[str, Any]) -> None:
    """Writes the marker into a new folder, or checks that an interrupted run with the same settings has written it.

    Args:
        folder: an existing folder that no other process is writing to.
        dataset: name of the data set for `prepare`.
        description: a sentence about the content.
        recipe: tool, version and arguments.

    Raises:
        UserError: the folder holds other files, or data generated with other settings.
        OSError: the marker cannot be written.
    """
    text = (
        f"{description}\nThis file makes `python -m amc.data prepare {dataset}` record the origin 'procedural'.\n"
        f"{json.dumps(dict(recipe), sort_keys=True)}\n"
    )
    path = folder / MARKER
    if path.is_file():
        matches = path.read_text(encoding="utf-8", errors="replace") == text
    else:
        # A killed run may have left partial files.
        matches = all(entry.name.endswith(".partial") for entry in folder.iterdir())
        if matches:
            with creating(path) as partial:
                partial.write_text(text, encoding="utf-8", newline="\n")
    if not matches:
        raise UserError(f"{folder}: holds other files, or a stand-in made with other settings; choose a new folder")
