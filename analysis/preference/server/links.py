"""One unguessable link a rater: the tokens are in STUDY/links.csv for the lab, their SHA-256 in answers.db."""

from __future__ import annotations

import csv
import hashlib
import os
import re
import secrets
from pathlib import Path

from amc.atomic import atomic_write
from amc.errors import UserError
from analysis.preference.store import AnswerStore

FILE_NAME = "links.csv"
PATH = "/r/"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")  # 24 random bytes: 192 bits


def token_hash(token: str) -> bytes:
    """What is stored of a token. Looking the hash up takes no time that depends on how much of a token is right."""
    return hashlib.sha256(token.encode(errors="replace")).digest()


def prepare_links(folder: Path, store: AnswerStore, raters: int, origin: str) -> Path | None:
    """Makes the links on first use, and writes links.csv, readable by its owner alone.

    Later calls keep the tokens and write links.csv again if `origin` has changed, so links stay valid after a restart.

    Args:
        folder: the study.
        store: its answers.
        raters: number of links.
        origin: what the links start with, such as `https://study.example.org`.

    Returns:
        The path of links.csv; None if the lab has removed it, in which case the links are still valid.

    Raises:
        UserError: links.csv cannot be read or written, or holds other links than answers.db.
    """
    path = folder / FILE_NAME
    known = store.raters()
    if known and not path.exists():
        return None
    # The file comes first: a process killed in between leaves tokens that the next one stores.
    tokens = _read(path, raters) if path.exists() else [secrets.token_urlsafe(24) for _ in range(raters)]
    if known and any(known.get(token_hash(token)) != rater for rater, token in enumerate(tokens)):
        raise UserError(
            f"{path} does not match the links in answers.db: restore it, or move it away (links stay valid)"
        )
    _write(path, [f"{origin}{PATH}{token}" for token in tokens])
    store.add_raters([token_hash(token) for token in tokens])
    return path


def _read(path: Path, raters: int) -> list[str]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            tokens = [row["link"].rpartition("/")[2] for row in csv.DictReader(file)]
    except (OSError, KeyError, AttributeError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read ({error}): restore it, or move it away") from error
    if len(tokens) != raters or len(set(tokens)) != raters or not all(map(_TOKEN.fullmatch, tokens)):
        raise UserError(f"{path} does not hold {raters} links: restore it, or move it away")
    return tokens


def _write(path: Path, links: list[str]) -> None:
    try:
        with atomic_write(path, fsync=True) as partial:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "w", newline="", encoding="utf-8") as file:
                rows = csv.writer(file)
                rows.writerow(["rater", "link"])
                rows.writerows(enumerate(links))
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
