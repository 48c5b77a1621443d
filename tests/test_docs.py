"""What README.md and docs/ name exists: files, links, and the commands with their options."""

from __future__ import annotations

import importlib
import re
import shlex
from functools import cache
from pathlib import Path

import pytest

import amc_gan
from amc.cli.command import Parser
from amc.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TOP = {path.name for path in ROOT.iterdir()} - {"runs"}
# What starts a command in a checkout: (words, the words after `amc-gan` that parse the same options).
COMMANDS = {
    ("tuning/run_search.py",): ["search"],
    ("ablations/run_all.py",): ["ablate"],
    ("-m", "amc.data"): ["data"],
    ("-m", "amc"): [],
    ("-m", "analysis"): [],
    ("-m", "tuning"): ["studies"],
}
PLACEHOLDERS = {"N": "1", "F": "1", "SIZE": "64"}

pages = pytest.mark.parametrize("page", PAGES, ids=[str(path.relative_to(ROOT)) for path in PAGES])


def _prose(page: Path) -> str:
    """A page without the comments in its code blocks."""
    return re.sub(r"  +# .*", "", page.read_text())


@pages
def test_links_resolve(page: Path) -> None:
    text = page.read_text()
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.+)$", target.read_text(), flags=re.M)
            assert anchor in {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in headings}, link


@pages
def test_paths_exist(page: Path) -> None:
    for quoted in re.findall(r"`([^`\n]+)`", page.read_text()):
        for word in quoted.split():
            path = word.split("::")[0]
            if "/" in path and path.split("/")[0] in TOP and not set(path) & set("<>*{…"):
                assert (ROOT / path).exists(), quoted


def _commands(text: str) -> list[list[str]]:
    """The words of each command that runs the project, from code blocks and inline code."""
    blocks = re.findall(r"^```(?:bash)?\n(.*?)^```", text, flags=re.S | re.M)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    found = []
    for line in [*lines, *re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M))]:
        words = shlex.split(line.split("  #")[0].split(" > ")[0], comments=True) if line.count("'") % 2 == 0 else []
        while words and (re.fullmatch(r"[A-Z_]+=.*", words[0]) or words[0] in ("sudo",)):
            words.pop(0)
        if words[:1] == ["amc-gan"]:
            found.append(words[1:])
        elif words and words[0] in ("python", ".venv/bin/python"):
            for start, command in COMMANDS.items():
                if tuple(words[1 : 1 + len(start)]) == start:
                    found.append([*command, *words[1 + len(start) :]])
    return found


@cache
def _parser(name: str) -> Parser:
    return amc_gan.parser([name])


@pages
def test_commands_parse(page: Path) -> None:
    for words in _commands(_prose(page)):
        if not words or not set(words[0]) <= set("abcdefghijklmnopqrstuvwxyz-"):
            continue  # the bare name of a program, or words such as SUBCOMMAND
        assert words[0] in amc_gan.COMMANDS, words
        if len(words) == 1 or "…" in words:
            continue
        given = [PLACEHOLDERS.get(word, word) for word in words]
        if "--help" in given:
            with pytest.raises(SystemExit, match="0"):
                _parser(given[0]).parse_args(given)
            continue
        try:
            _parser(given[0]).parse_args(given)
        except UserError as error:
            pytest.fail(f"{' '.join(words)}: {error}")


@pages
def test_targets_of_make_exist(page: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M)
    for target in re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), flags=re.M):
        assert target in targets


@pages
def test_modules_exist(page: Path) -> None:
    """Dotted names of the packages in inline code can be imported, or are attributes of what can be."""
    for name in re.findall(r"`((?:amc|analysis|tuning|ablations|benchmarks)(?:\.\w+)+)`", page.read_text()):
        module, _, attribute = name.rpartition(".")
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            assert hasattr(importlib.import_module(module), attribute), name


def test_a_page_opens_with_its_command() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        assert "```" in page.read_text().split("\n## ")[0], page


def test_the_readme_is_short_and_has_pictures() -> None:
    text = (ROOT / "README.md").read_text()
    assert text.count("\n") < 200
    assert len(re.findall(r"!\[", text)) >= 3
