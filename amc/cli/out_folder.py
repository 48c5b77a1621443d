"""Whether `--out DIR` can be written, asked before any work is done for it."""

from __future__ import annotations

import os
from pathlib import Path

from amc.errors import UserError


def check_out_folder(out: Path) -> None:
    """Nothing, where the folder `out` can be written or made; creates nothing.

    Raises:
        UserError: it, or what is to hold it, is no folder or not writable.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is no folder: name another")
    # The folder, or the nearest one above it that is there already.
    there = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    if not there.is_dir():
        raise UserError(f"--out {out} cannot be made: {there} is no folder; name another")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"--out {out} cannot be written: no permission for {there}; name another")
