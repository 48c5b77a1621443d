"""Which study the folder DIR/STUDY belongs to, so that no other study of the same name uses or deletes its files.

Another record, whether chosen by mistake or made anew after the old one was lost, knows none of the trials in the
folder, and would give its own trials the same names.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from amc.atomic import atomic_write
from amc.errors import UserError
from analysis.record.connection.address import database_url, without_password
from analysis.record.reading import open_if_present

FILE = ".study.json"  # in DIR/STUDY: uid of the study, and address of its record
_RESULTS = ("checkpoints", "samples", "generators")


def check_owner(folder: Path, study: str, address: str | Path) -> None:
    """Checks that DIR/STUDY is new, or belongs to the study of this name on record. Creates nothing.

    Args:
        folder: DIR/STUDY.
        study: its name.
        address: of the record that the command uses.

    Raises:
        UserError: the folder belongs to a study that this record does not have.
    """
    owner = _owner(folder)
    has_results = any(any((folder / name).glob("*")) for name in _RESULTS)
    if owner is None and not has_results:
        return
    with open_if_present(address) as records:
        row = None if records is None else records.find_study(study)
        has_trials = records is not None and bool(records.trials(study))
    if (row is not None and owner is not None and row.uid == owner["uid"]) or (owner is None and has_trials):
        return
    wanted = without_password(database_url(address))
    recorded = wanted if owner is None else owner["record"]
    other = "give another --study or --out"
    if recorded != wanted:
        default = without_password(database_url(folder / "record.db"))
        hint = "without --record" if recorded == default else f"with --record {shlex.quote(recorded)}"
        raise UserError(
            f"{folder} belongs to the study in {recorded}, not in {wanted}: rerun {hint} to resume it, or {other}"
        )
    raise UserError(
        f"{folder} has results of a study that is not in {wanted}: restore the record from a backup, name its new "
        f"place with --record, delete the folder, or {other}"
    )


def write_owner(folder: Path, uid: str, address: str | Path) -> None:
    """Notes that the folder belongs to the study `uid` in this record.

    Raises:
        UserError: the folder cannot be written.
    """
    owner = {"uid": uid, "record": without_password(database_url(address))}
    if _owner(folder) == owner:
        return
    path = folder / FILE
    try:
        with atomic_write(path) as partial:
            partial.write_text(json.dumps(owner) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


def _owner(folder: Path) -> dict[str, str] | None:
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return {"uid": str(found["uid"]), "record": str(found["record"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None
