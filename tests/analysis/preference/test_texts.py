"""The words of a study: complete, and one clear line if a translation is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from amc.errors import UserError
from analysis.preference.texts import read_texts, write_default_texts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_default_texts(tmp_path)
    return tmp_path


def test_the_default_texts_are_english_and_complete(folder: Path) -> None:
    texts = read_texts(folder)
    assert texts.messages["page"]["language"] == "en"
    assert texts.consent.startswith("You are invited")
    assert texts.instructions


def test_texts_that_a_lab_has_edited_are_kept(folder: Path) -> None:
    (folder / "texts" / "consent.md").write_text("Ours.")
    write_default_texts(folder)
    assert read_texts(folder).consent == "Ours."


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('next = "Next"\n', "", r"lacks the text next in \[question\]"),
        ('next = "Next"', 'next = " "', r"lacks the text next in \[question\]"),
        ('next = "Next"', "next = 3", r"lacks the text next in \[question\]"),
        ('next = "Next"', 'next = "Next"\nmore = 3', r"everything in \[question\] must be text in quotes"),
        ("[finished]", "[other]", r"lacks the section \[finished\]"),
        ("{number} of", "{count} of", r"progress in \[question\] must have the same words in braces"),
        ("{number} of", "{number of", r"progress in \[question\] must have the same words in braces"),
        ('direction = "ltr"', 'direction = "up"', r'direction in \[page\] must be "ltr" or "rtl"'),
        ("[page]", "[page", r"messages\.toml is not valid TOML"),
    ],
)
def test_an_incomplete_translation_is_one_line(folder: Path, old: str, new: str, message: str) -> None:
    path = folder / "texts" / "messages.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(UserError, match=message):
        read_texts(folder)


def test_a_file_that_cannot_be_read_is_named(folder: Path) -> None:
    path = folder / "texts" / "consent.md"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match=r"consent\.md is not UTF-8"):
        read_texts(folder)
    path.unlink()
    with pytest.raises(UserError, match=r"cannot read .*consent\.md: No such file"):
        read_texts(folder)
