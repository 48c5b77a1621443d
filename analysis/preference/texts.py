"""The words that raters see: `STUDY/texts/` with messages.toml, consent.md and instructions.md."""

from __future__ import annotations

import shutil
import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from amc.errors import UserError

FOLDER = "texts"
FILES = ("messages.toml", "consent.md", "instructions.md")

Messages = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Texts:
    """All words of a study.

    Attributes:
        messages: section → name → text, with the sections and names of the English file.
        consent: Markdown.
        instructions: Markdown.
    """

    messages: Messages
    consent: str
    instructions: str


def write_default_texts(folder: Path) -> None:
    """Copies the English texts into the study's folder for the lab to edit; files that exist are kept."""
    target = folder / FOLDER
    target.mkdir(exist_ok=True)
    for name in FILES:
        if not (target / name).exists():
            with resources.as_file(_default(name)) as source:
                shutil.copyfile(source, target / name)


def read_texts(folder: Path) -> Texts:
    """Reads the texts of a study.

    Raises:
        UserError: a file is missing or not UTF-8, or messages.toml is not a full translation of the English file.
    """
    texts = {name: _read(folder / FOLDER / name) for name in FILES}
    path = folder / FOLDER / "messages.toml"
    try:
        messages = tomllib.loads(texts["messages.toml"])
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path} is not valid TOML: {error}") from error
    _check(messages, path)
    return Texts(messages, texts["consent.md"], texts["instructions.md"])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8: save it in that encoding") from error


def _check(messages: Mapping[str, object], path: Path) -> None:
    """Every message of the English file is there, is text, and has the same words in braces."""
    for section, names in tomllib.loads(_default("messages.toml").read_text(encoding="utf-8")).items():
        found = messages.get(section)
        if not isinstance(found, dict):
            raise UserError(f"{path} lacks the section [{section}]")
        for name, english in names.items():
            text = found.get(name)
            if not isinstance(text, str) or not text.strip():
                raise UserError(f"{path} lacks the text {name} in [{section}]")
            if _fields(text) != _fields(english):
                raise UserError(f"{path}: {name} in [{section}] must have the same words in braces as {english!r}")
        if not all(isinstance(text, str) for text in found.values()):
            raise UserError(f"{path}: everything in [{section}] must be text in quotes")
    page = messages["page"]
    if isinstance(page, dict) and page["direction"] not in ("ltr", "rtl"):
        raise UserError(f'{path}: direction in [page] must be "ltr" or "rtl"')


def _fields(text: str) -> set[str | None] | None:
    """The words in braces; None if the braces do not match."""
    try:
        return {field for _, field, _, _ in string.Formatter().parse(text)} - {None}
    except ValueError:
        return None


def _default(name: str) -> resources.abc.Traversable:
    return resources.files("analysis.preference") / "default_texts" / name
